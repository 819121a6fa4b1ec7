import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import { coordinatorFrame, coordinatorMessage, taskBody, workerFrame, workerMessage } from '../src/index.ts';
import { isQuickAssign, isQuickBody, isQuickData, isQuickWorkerMessage } from '../src/quick.ts';

const text = fc.string({ maxLength: 12 });
const ordinal = fc.integer({ min: 1, max: 2 ** 40 });
const duration = fc.double({ min: 0, max: 1e9, noNaN: true });
const key = { run: ordinal, n: ordinal, epoch: ordinal };
const optional = <T extends Record<string, fc.Arbitrary<unknown>>>(required: T, more: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record({ ...required, ...more }, { requiredKeys: Object.keys(required) });

const failure = optional({ message: text }, { stack: text, diff: text });
const each = optional(
  {
    path: fc.array(text, { minLength: 1, maxLength: 3 }),
    file: text,
    grade: fc.constantFrom('passed', 'failed', 'flaky', 'skipped'),
    durationMs: duration,
    attempts: ordinal,
  },
  { project: text, line: ordinal, failure },
);
const result = optional(
  {
    outcome: fc.constantFrom('passed', 'failed', 'errored', 'timed_out', 'cancelled'),
    durationMs: duration,
    cases: fc.array(each, { maxLength: 3 }),
  },
  { reason: text, exitCode: fc.integer(), signal: text, log: fc.record({ bytes: fc.nat(), droppedBytes: fc.nat() }) },
);
const body = fc.oneof(
  fc.constant({ kind: 'noop' }),
  fc.record({ kind: fc.constant('command'), argv: fc.array(text, { minLength: 1, maxLength: 3 }) }),
  fc.record({
    kind: fc.constant('test'),
    unit: optional({ file: fc.string({ minLength: 1, maxLength: 12 }) }, { project: text, pool: text }),
  }),
);
const lease = fc.record({
  n: ordinal,
  epoch: ordinal,
  name: text,
  body,
  timeoutMs: fc.nat(),
  graceMs: fc.nat(),
  onDisconnect: fc.constantFrom('replace', 'hedge', 'wait'),
});
const workerMessages = fc.oneof(
  fc.record({ t: fc.constant('started'), ...key }),
  fc.record({ t: fc.constant('finished'), ...key, result }),
);
const assigns = fc.record({ t: fc.constant('assign'), run: ordinal, leases: fc.array(lease, { minLength: 1, maxLength: 3 }) });
const frames = fc.record({
  f: fc.constant('data'),
  a: fc.tuple(fc.nat(), fc.nat()),
  m: fc.array(fc.tuple(ordinal, fc.jsonValue({ maxDepth: 2 })), { maxLength: 4 }),
});

/** What takes the place of a value somewhere inside. */
const strange = fc.oneof(
  fc.constantFrom<unknown>(null, true, -1, 0, 1.5, 1e300, '', [], {}, [1], { a: 1 }, undefined, NaN, Infinity, 'x'.repeat(9000)),
  fc.jsonValue({ maxDepth: 2 }),
);
interface Change {
  readonly steps: readonly number[];
  readonly how: 'replace' | 'drop' | 'add' | 'none';
  readonly value: unknown;
}
const change: fc.Arbitrary<Change> = fc.record({
  steps: fc.array(fc.nat(9), { minLength: 1, maxLength: 6 }),
  how: fc.constantFrom('replace', 'drop', 'add', 'none'),
  value: strange,
});

/** Walks down by `steps` and changes what it finds there. */
function changed(given: unknown, { steps, how, value }: Change): unknown {
  if (how === 'none') return given;
  const root = structuredClone(given);
  let holder = root as Record<string, unknown>;
  for (const [index, step] of steps.entries()) {
    const keys = Object.keys(holder);
    const name = keys[step % Math.max(keys.length, 1)];
    const next = name === undefined ? undefined : holder[name];
    if (index < steps.length - 1 && typeof next === 'object' && next !== null) {
      holder = next as Record<string, unknown>;
      continue;
    }
    if (how === 'add') holder['strange'] = value;
    else if (name !== undefined && how === 'drop') delete holder[name];
    else if (name !== undefined) holder[name] = value;
    break;
  }
  return root;
}

const fromWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const PAIRS: readonly (readonly [string, fc.Arbitrary<unknown>, (value: unknown) => boolean, readonly z.ZodType[]])[] = [
  ['worker messages', workerMessages, isQuickWorkerMessage, [workerMessage]],
  ['assignments', assigns, isQuickAssign, [coordinatorMessage]],
  ['bodies of tasks', body, isQuickBody, [taskBody]],
  ['data frames', frames, isQuickData, [workerFrame, coordinatorFrame]],
];

for (const [name, arbitrary, guard, schemas] of PAIRS) {
  test(`Q1 ${name}: whatever the guard takes -> its schema takes, unchanged; and what is plain it takes`, () => {
    fc.assert(
      fc.property(arbitrary, change, (plain, how) => {
        expect(guard(fromWire(plain))).toBe(true);
        const value = fromWire(changed(plain, how));
        if (!guard(value)) return;
        for (const schema of schemas) expect(schema.parse(value)).toEqual(value);
      }),
      { numRuns: 1000 },
    );
  });
}
