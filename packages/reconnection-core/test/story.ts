/** Stories: steps in virtual time at one machine, and everything it did. */
import { type MonoMs, monoMs } from '@holdfast/kernel';
import {
  type ClientInput,
  type ClientOptions,
  type ClientPorts,
  createClientSession,
  createServerSession,
  type Lane,
  type Packer,
  type ServerInput,
  type ServerOptions,
} from '../src/index.ts';
import { challenge, credential, hello, ports, registration, welcome } from './frames.ts';

export type Step<Input> = Input | { readonly kind: 'wait'; readonly by: number };

/** A client that gets each step with a tick after it, deadline by deadline while it waits. */
export function tell(steps: readonly Step<ClientInput>[], options: Partial<ClientOptions> = {}, more: Partial<ClientPorts> = {}) {
  const session = createClientSession(
    { worker: 'w', incarnation: 'i', registration, credential, ...options },
    { ...ports('story'), ...more },
  );
  // Every hello is challenged at once, unless a story says otherwise.
  const answer = (effect: { kind: string; link?: number; text?: string }): ClientInput | undefined =>
    effect.kind === 'transmit' && effect.text!.startsWith('{"f":"hello"') ? frame(effect.link!, challenge()) : undefined;
  return play(session, steps, options.protocol === undefined ? answer : undefined);
}
export function tellServer(steps: readonly Step<ServerInput>[], options: Partial<ServerOptions> = {}, packer?: Packer) {
  return play(createServerSession({ coordinator: { id: 'c', epoch: 1 }, ...options }, packer), steps);
}
function play<Input, Effect extends { kind: string }, Snapshot>(
  session: {
    handle(input: Input, now: MonoMs): readonly Effect[];
    tick(now: MonoMs): readonly Effect[];
    deadline(): MonoMs | undefined;
    snapshot(): Snapshot;
  },
  steps: readonly Step<Input>[],
  answer?: (effect: Effect) => Input | undefined,
) {
  let now = monoMs(0);
  const log: { at: number; effect: Effect }[] = [];
  const note = (effects: readonly Effect[]): void => void log.push(...effects.map((effect) => ({ at: now, effect })));
  for (const step of steps) {
    if (isWait(step)) {
      const end = monoMs(now + step.by);
      for (let next = session.deadline(); next !== undefined && next <= end; next = session.deadline()) {
        now = monoMs(Math.max(now, next));
        note(session.tick(now));
      }
      now = end;
    } else {
      const effects = session.handle(step as Input, now);
      note(effects);
      for (const effect of effects) {
        const input = answer?.(effect);
        if (input !== undefined) note(session.handle(input, now));
      }
      note(session.tick(now));
    }
  }
  const of = <Kind extends Effect['kind']>(kind: Kind) =>
    log.filter(({ effect }) => effect.kind === kind).map(({ effect }) => effect as Extract<Effect, { kind: Kind }>);
  return { log, of, kinds: log.map(({ effect }) => effect.kind), snapshot: session.snapshot() };
}
const isWait = <Input>(step: Step<Input>): step is { kind: 'wait'; by: number } => (step as { kind: string }).kind === 'wait';
export const wait = (by: number): { kind: 'wait'; by: number } => ({ kind: 'wait', by });
export const frame = (link: number, of: Extract<ClientInput, { kind: 'frameReceived' }>['frame']): ClientInput => ({
  kind: 'frameReceived',
  link,
  frame: of,
});
export const up = (link: number): ClientInput[] => [{ kind: 'linkOpened', link }, frame(link, welcome())];
export const offer = (id: number, lane: Lane = 'normal'): ClientInput => ({
  kind: 'offered',
  lane,
  payload: { t: 'x', id } as { t: string },
  key: `k${id}`,
});
export const credits = (count: number): ClientInput => ({ kind: 'heldChanged', held: { count: 0, hash: 0 }, credits: count });
export const resume = (token: string) => hello({ resume: { session: 's1', token, received: 0 } });
/** Ids of the messages that left, in order, without replays unless asked for. */
export function idsOf(texts: readonly { text: string }[]): number[] {
  return texts.flatMap(({ text }) => {
    const parsed = JSON.parse(text) as { f: string; m?: [number, { id: number }][] };
    return (parsed.m ?? []).map(([, payload]) => payload.id);
  });
}
