/** I22: the pace of beats, alone, in the client machine, and between both ends. */
import { durationMs, type MonoMs, monoMs } from '@holdfast/kernel';
import { fastCheckParameters } from '@holdfast/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClientInput } from '../src/index.ts';
import { createHeartbeat } from '../src/heartbeat.ts';
import { beatAck, hello, welcome } from './frames.ts';
import { frame, type Step, tell, tellServer, wait } from './story.ts';

const parameters = { numRuns: 200, ...fastCheckParameters(process.env) } as fc.Parameters<unknown>;
const opened = (link: number, floor?: number): Step<ClientInput>[] => [
  { kind: 'linkOpened', link },
  frame(link, welcome(floor === undefined ? {} : { heartbeatFloorMs: floor })),
];
const broken = (link: number, code = 1006): ClientInput => ({ kind: 'linkClosed', link, code, reason: 'cut' });
/** `count` links that break, each after the next. */
const breaks = (count: number, floor?: number, code?: number): Step<ClientInput>[] =>
  Array.from({ length: count }, (_, index) => [
    ...opened(index + 1, floor),
    broken(index + 1, code),
    { kind: 'reconnectAsked' as const },
  ]).flat();

test('I22 heartbeat: whatever breaks, answers late or lasts -> beats never further apart than the interval, nor closer than the floor, silence as ever', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('broke' as const) }),
    fc.record({ kind: fc.constant('answered' as const), after: fc.nat({ max: 12_000 }) }),
    fc.record({ kind: fc.constant('calm' as const), beats: fc.nat({ max: 60 }) }),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60_000 }),
      fc.integer({ min: 1, max: 60_000 }),
      fc.array(step, { maxLength: 40 }),
      (every, floor, steps) => {
        const heart = createHeartbeat(durationMs(250));
        const bounds = { every: durationMs(every), floor: durationMs(floor) };
        let now = monoMs(0);
        const start = (): void => heart.start(bounds, now);
        /** Beats when due, and checks when that is. */
        const beat = (): number => {
          const last = now;
          now = monoMs(Math.max(now, heart.deadline()!));
          const sent = heart.beat(now);
          if (!sent) throw new Error(`no beat at ${now}`);
          // Moments are sums of fractions.
          expect(now - last).toBeLessThanOrEqual(every + 1e-6);
          return sent.n;
        };
        const check = (from: MonoMs): void => {
          const interval = heart.interval()!;
          expect(interval).toBeLessThanOrEqual(every);
          expect(interval).toBeGreaterThanOrEqual(Math.min(every, floor));
          expect(heart.silent(monoMs(Math.ceil(from + every * 2.5)))).toBe(true);
          expect(heart.silent(monoMs(Math.floor(from + every * 2.5) - 1))).toBe(false);
        };
        start();
        for (const one of steps) {
          if (one.kind === 'broke') {
            heart.broke();
            heart.stop();
            expect(heart.interval()).toBeUndefined();
            start();
            check(now);
          } else {
            for (let count = one.kind === 'calm' ? one.beats : 1; count > 0; count -= 1) {
              const n = beat();
              const at = monoMs(now + (one.kind === 'calm' ? 0 : Math.min(one.after, heart.interval()! - 1)));
              now = monoMs(Math.max(now, at));
              heart.answered(n, now);
              check(now);
            }
          }
        }
      },
    ),
    parameters as never,
  );
});

test('I22 client: links that break -> a denser pace on the next one, down to the floor; the coordinator gave none, or closed them itself -> one pace', () => {
  const pace = (steps: readonly Step<ClientInput>[]): number | undefined => tell([{ kind: 'started' }, ...steps]).snapshot.heartbeatEvery;
  expect(pace(opened(1, 1000))).toBe(3000);
  expect(pace([...breaks(1, 1000), ...opened(2, 1000)])).toBe(2400);
  expect(pace([...breaks(9, 1000), ...opened(10, 1000)])).toBe(1000);
  expect(pace([...breaks(9), ...opened(10)])).toBe(3000);
  expect(pace([...breaks(3, 1000, 1012), ...opened(4, 1000)])).toBe(3000);
  expect(pace(breaks(1, 1000))).toBeUndefined();
});

test('I22 client: a link that lasts -> the pace comes back by a fifth for every twenty beats answered; slow answers keep it up at once', () => {
  const answered = (link: number, from: number, count: number, every: number): Step<ClientInput>[] =>
    Array.from({ length: count }, (_, index) => [frame(link, beatAck(from + index)), wait(every)]).flat();
  const dense = [{ kind: 'started' } as const, ...breaks(1, 1000), ...opened(2, 1000)];
  // The first link sent beat 1.
  expect(tell([...dense, ...answered(2, 2, 19, 2400)]).snapshot.heartbeatEvery).toBe(2400);
  expect(tell([...dense, ...answered(2, 2, 20, 2400)]).snapshot.heartbeatEvery).toBeCloseTo(2880);
  expect(tell([...dense, ...answered(2, 2, 20, 2400), ...answered(2, 22, 20, 2880)]).snapshot.heartbeatEvery).toBe(3000);
  expect(tell([...dense, wait(1400), frame(2, beatAck(2))]).snapshot.heartbeatEvery).toBe(2800);
});

test('I7 I22 client: a dense pace -> silence still ends the link at two and a half of the longest intervals', () => {
  const { log } = tell([{ kind: 'started' }, ...breaks(9, 1000), ...opened(10, 1000), wait(10_000)]);
  const at = (kind: string): number => log.findLast(({ effect }) => effect.kind === kind)!.at;
  expect(at('closeLink') - at('opened')).toBe(7500);
  const beats = log.filter(({ effect }) => effect.kind === 'transmit' && effect.link === 10 && effect.text.startsWith('{"f":"beat"'));
  expect(beats.map((beat) => beat.at - at('opened'))).toEqual([0, 1000, 2000, 3000, 4000, 5000, 6000, 7000]);
});

test('I22 server: its settings -> both bounds are in the welcome, none where there is but one pace', () => {
  const told = (options: Parameters<typeof tellServer>[1]) => {
    const { of } = tellServer([{ kind: 'helloAccepted', link: 1, hello: hello(), session: 's1', token: 't1' }], options);
    const { heartbeatEveryMs, heartbeatFloorMs } = JSON.parse(of('transmit')[0]!.text) as Record<string, number>;
    return [heartbeatEveryMs, heartbeatFloorMs];
  };
  expect(told({})).toEqual([3000, 1000]);
  expect(told({ heartbeatEvery: durationMs(500) })).toEqual([500, undefined]);
  expect(told({ heartbeatFloor: durationMs(9000) })).toEqual([3000, undefined]);
});
