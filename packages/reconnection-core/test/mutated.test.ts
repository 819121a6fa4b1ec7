/** The gate's laws, and the stories of handshake, seal, compression, expiry and late resumes with every event doubled, swapped or dropped. */
import { createRandom, durationMs, monoMs, type Random } from '@holdfast/kernel';
import { nodeMac } from '@holdfast/kernel/node';
import { createSeal, keysOf, proofOf, sealKeysOf, transcriptOf, type WorkerFrame } from '@holdfast/protocol';
import { checkMachineLaws, CONSTANT_DIGEST, constantMac, fastCheckParameters, mutateTrace, seededEntropy } from '@holdfast/testkit';
import { expect, test } from 'vitest';
import { type ClientInput, createGate, type GateEffect, type GateInput, type ServerInput } from '../src/index.ts';
import { nodePacker } from '../src/io/ws.ts';
import { challenge, data, hello, welcome, workerBeat, workerData } from './frames.ts';
import { frame, offer, type Step, tell, tellServer, wait } from './story.ts';

const greeting = hello({ key: 'k', nonce: CONSTANT_DIGEST });
const said = (what: WorkerFrame): GateInput => ({ kind: 'frameReceived', frame: what, text: JSON.stringify(what) });
const STORED = { storedKey: CONSTANT_DIGEST, serverKey: CONSTANT_DIGEST };

function gateInput(random: Random): GateInput {
  return random.pick<GateInput>([
    said(greeting),
    said({ ...greeting, protocol: [99] }),
    said({ ...greeting, requires: ['sealed'], compress: ['zstd'] }),
    said({ ...greeting, key: 'nobody' }),
    said({ f: 'proof', proof: CONSTANT_DIGEST }),
    said({ f: 'proof', proof: '0'.repeat(64) }),
    said(workerBeat(1)),
    { kind: 'rubbishReceived', reason: 'r' },
  ]);
}

test('laws: gate', () => {
  const ends = new Set(['refused', 'proven']);
  checkMachineLaws({
    create: () =>
      createGate(
        { compress: ['zstd'] },
        { mac: constantMac, entropy: seededEntropy(createRandom(7)), find: (key) => (key === 'k' ? STORED : undefined) },
        monoMs(0),
      ),
    input: gateInput,
    // G1: what decides a link says so in the state, and nothing is waited for any more.
    invariant: ({ state }, effects) => {
      if (effects.some(({ kind }) => ends.has(kind)) !== (effects.length > 0 && (state === 'passed' || state === 'closed')))
        throw new Error(`${JSON.stringify(effects)} in ${state}`);
    },
    inputsMax: 8,
    gapMax: 6000,
    parameters: { numRuns: 300, ...fastCheckParameters(process.env) },
  });
});

const KEYS = keysOf(nodeMac, 'the right secret');
type GateStep = 'hello' | 'proof' | 'guess' | 'wait';

test('I15 I16 gate: the handshake with every event doubled, swapped or dropped -> proven only by the right proof after one hello, once, and sealed before', () => {
  const story: readonly GateStep[] = ['hello', 'wait', 'proof', 'wait'];
  const withGuess: readonly GateStep[] = ['hello', 'guess', 'proof'];
  for (const { name, events } of [story, withGuess].flatMap((one) => [{ name: 'as it is', events: one }, ...mutateTrace(one)])) {
    const gate = createGate({ exposed: true }, { mac: nodeMac, entropy: seededEntropy(createRandom(1)), find: () => KEYS }, monoMs(0));
    const sealed = { ...greeting, requires: ['sealed'] };
    let transcript = '';
    let now = monoMs(0);
    const log: GateEffect[] = [];
    for (const event of events) {
      if (event === 'wait') now = monoMs(now + 4000);
      const proof = event === 'guess' ? '0'.repeat(64) : proofOf(nodeMac, KEYS, transcript);
      const effects = event === 'wait' ? gate.tick(now) : gate.handle(said(event === 'hello' ? sealed : { f: 'proof', proof }), now);
      for (const effect of effects)
        if (effect.kind === 'transmit') transcript = transcriptOf(JSON.stringify(sealed), JSON.parse(effect.text) as never);
      log.push(...effects);
    }
    const kinds = log.map(({ kind }) => kind);
    if (/^(wait )?hello (wait )?proof/.test(events.join(' '))) expect(kinds, name).toEqual(['transmit', 'sealLink', 'proven']);
    else expect(kinds, name).not.toContain('proven');
    expect(kinds.filter((kind) => kind === 'refused' || kind === 'proven').length, name).toBeLessThanOrEqual(1);
  }
});

test('I16 seal: the frames of a link with each doubled, swapped or dropped -> opened in order up to the first that is not as sent, nothing after', () => {
  const { up, down } = sealKeysOf(nodeMac, KEYS.clientKey, 'one link');
  const worker = createSeal(nodeMac, up, down);
  const texts = ['one', 'two', 'three', 'four'];
  const frames = texts.map((text) => worker.close(text));
  for (const { name, events } of mutateTrace(frames)) {
    const coordinator = createSeal(nodeMac, down, up);
    const opened: string[] = [];
    for (const sealed of events) {
      const text = coordinator.open(sealed);
      // Its link is closed with 1002.
      if (text === undefined) break;
      opened.push(text);
    }
    const same = events.findIndex((sealed, index) => sealed !== frames[index]);
    expect(opened, name).toEqual(texts.slice(0, same < 0 ? Math.min(events.length, texts.length) : same));
  }
});

const large = { t: 'x', id: 1, text: 'the same again and again, '.repeat(200) };
const packedStory: readonly Step<ClientInput>[] = [
  { kind: 'started' },
  { kind: 'linkOpened', link: 1 },
  frame(1, challenge({ compress: 'zstd' })),
  frame(1, welcome()),
  { kind: 'offered', lane: 'high', payload: large, key: 'k1' },
  { kind: 'linkClosed', link: 1, code: 1006, reason: 'cut' },
  wait(300),
  { kind: 'linkOpened', link: 2 },
  frame(2, challenge({ compress: 'deflate' })),
  frame(2, welcome({ fresh: undefined, resumed: { received: 0 } })),
  frame(2, data([], [1, 1])),
];

test('I19 client: compression over a cut with every event doubled, swapped or dropped -> a number has the same bytes on every link, and they read as what was offered', () => {
  for (const { name, events } of mutateTrace(packedStory)) {
    const { of } = tell(events, { protocol: [2] }, { packer: nodePacker });
    let session = 0;
    const bytes = new Map<string, string>();
    const fresh = of('opened').map(({ how }) => how === 'fresh');
    expect(fresh.filter(Boolean).length, name).toBeLessThanOrEqual(2);
    for (const { text } of of('transmit')) {
      if (!text.startsWith('{"f":"data"')) continue;
      for (const [seq, payload] of (JSON.parse(text) as { m: [number, unknown][] }).m) {
        // A second session begins its numbers anew.
        if (seq === 1 && fresh.length > 1 && fresh[1]) session += 1;
        const key = `${session}/${seq}`;
        expect(bytes.get(key) ?? JSON.stringify(payload), name).toBe(JSON.stringify(payload));
        bytes.set(key, JSON.stringify(payload));
        if (typeof payload === 'string') {
          const read = tellServer(
            [
              { kind: 'helloAccepted', link: 1, hello: hello({ compress: ['zstd', 'deflate'] }), session: 's1', token: 't1' },
              { kind: 'frameReceived', link: 1, frame: workerData([[1, payload]]) },
            ],
            {},
            nodePacker,
          );
          expect(
            read.of('deliver').map((effect) => effect.payload),
            name,
          ).toEqual([large]);
        } else expect(payload, name).toEqual(large);
      }
    }
  }
});

const expiring = (id: number, terms: object): ClientInput => ({ ...offer(id), ...terms }) as ClientInput;
const expiryStory: readonly Step<ClientInput>[] = [
  { kind: 'started' },
  { kind: 'linkOpened', link: 1 },
  frame(1, welcome()),
  expiring(1, { attemptsMax: 1 }),
  offer(2),
  { kind: 'linkClosed', link: 1, code: 1006, reason: 'cut' },
  expiring(3, { expiresIn: durationMs(100) }),
  wait(300),
  { kind: 'linkOpened', link: 2 },
  frame(2, welcome({ fresh: undefined, resumed: { received: 0 } })),
  frame(2, data([], [2, 2])),
];

test('I17 client: expiry with every event doubled, swapped or dropped -> an offer is settled or expired, never both, never more than offered', () => {
  for (const { name, events } of mutateTrace(expiryStory)) {
    const { of, snapshot } = tell(events);
    expect(of('expired').length, name).toBe(snapshot.expired);
    for (const key of ['k1', 'k2', 'k3']) {
      const offered = events.filter((event) => event.kind === 'offered' && event.key === key).length;
      const told =
        of('settled').filter((effect) => effect.key === key).length + of('expired').filter((effect) => effect.key === key).length;
      expect(told, `${name}: ${key}`).toBeLessThanOrEqual(offered);
    }
    expect(
      of('expired').some(({ key }) => key === 'k2'),
      name,
    ).toBe(false);
  }
});

const accepted = (link: number, token: string, received?: number): ServerInput => ({
  kind: 'helloAccepted',
  link,
  hello: hello(received === undefined ? {} : { resume: { session: 's1', token, received } }),
  session: `s${link}`,
  token: `t${link}`,
});
const lateStory: readonly Step<ServerInput>[] = [
  accepted(1, ''),
  { kind: 'offered', lane: 'high', payload: { t: 'drain' } },
  { kind: 'offered', lane: 'high', payload: { t: 'drain' } },
  { kind: 'frameReceived', link: 1, frame: workerBeat(1, [1, 1]) },
  { kind: 'linkClosed', link: 1, reason: 'cut' },
  wait(120_001),
  accepted(2, 't1', 1),
  { kind: 'offered', lane: 'high', payload: { t: 'drain' } },
];
const welcomes = (of: ReturnType<typeof tellServer>['of']) =>
  of('transmit')
    .map(({ text }) => JSON.parse(text) as { f: string; gap?: object; fresh?: string; resumed?: object })
    .filter(({ f }) => f === 'welcome');

test('I21 server: a resume after the window, and what another one asks -> gap with the exact range once; fresh without loss, a wrong token, a second time; 4400 past what was sent', () => {
  const { of } = tellServer(lateStory);
  expect(welcomes(of)[1]).toMatchObject({ gap: { from: 2, to: 2, reason: 'session_ended' } });
  expect(of('opened').map(({ how, reason }) => reason ?? how)).toEqual(['first', 'session_ended']);
  const late = (hi: ServerInput, ...more: Step<ServerInput>[]) => tellServer([...lateStory.slice(0, 6), hi, ...more]);
  expect(welcomes(late(accepted(2, 't1', 2)).of)[1]).toMatchObject({ fresh: 'session_ended' });
  expect(welcomes(late(accepted(2, 'guessed', 1)).of)[1]).toMatchObject({ fresh: 'unknown_session' });
  expect(late(accepted(2, 't1', 3)).of('closeLink')).toMatchObject([{ link: 2, code: 4400 }]);
  const again = late(accepted(2, 't1', 1), accepted(3, 't1', 1));
  expect(welcomes(again.of)[2]).toMatchObject({ fresh: 'unknown_session' });
  // The next machine of the worker knows what the former one kept.
  const { former } = tellServer(lateStory.slice(0, 6)).of('expired')[0]!;
  expect(former).toEqual({ id: 's1', incarnation: 'i', tokens: ['t1'], sent: 2 });
  expect(welcomes(tellServer([accepted(2, 't1', 0)], { former }).of)[0]).toMatchObject({
    gap: { from: 1, to: 2, reason: 'session_ended' },
  });
});

test('I21 server: the late resume with every event doubled, swapped or dropped -> a gap names exactly what was sent and is not there, else a reason', () => {
  for (const { name, events } of mutateTrace(lateStory)) {
    const { of } = tellServer(events);
    const first = of('transmit').filter(({ link, text }) => link === 1 && text.includes('"m":[['));
    const sent = first.flatMap(({ text }) => (JSON.parse(text) as { m: [number][] }).m.map(([seq]) => seq));
    for (const { gap, fresh, resumed } of welcomes(of)) {
      expect([gap, fresh, resumed].filter((answer) => answer !== undefined).length, name).toBe(1);
      if (gap) expect(gap, name).toEqual({ from: 2, to: Math.max(...sent), reason: 'session_ended' });
    }
  }
});
