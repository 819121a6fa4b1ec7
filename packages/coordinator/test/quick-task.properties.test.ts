import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quickTask } from '../src/http/quick-task.ts';
import { bodySchemas, checkWithTasks, taskSpec } from '../src/http/schemas.ts';

const text = fc.string({ maxLength: 12 });
const optional = (required: Record<string, fc.Arbitrary<unknown>>, more: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record({ ...required, ...more }, { requiredKeys: Object.keys(required) });
const policy = optional(
  {},
  {
    priority: fc.integer({ min: 0, max: 9 }),
    timeoutMs: fc.integer({ min: 0, max: 86_400_000 }),
    graceMs: fc.integer({ min: 0, max: 600_000 }),
    retries: fc.integer({ min: 0, max: 20 }),
    retryDelayMs: fc.integer({ min: 0, max: 86_400_000 }),
    maxLost: fc.integer({ min: 1, max: 20 }),
    onDisconnect: fc.constantFrom('replace', 'hedge', 'wait'),
  },
);
const body = fc.oneof(
  fc.constant({ kind: 'noop' }),
  fc.record({ kind: fc.constant('command'), argv: fc.array(text, { minLength: 1, maxLength: 3 }) }),
  fc.record({ kind: fc.constant('test'), unit: fc.record({ file: fc.string({ minLength: 1, maxLength: 12 }) }) }),
);
const task = optional(
  { name: fc.string({ minLength: 1, maxLength: 12 }), body },
  { policy, predictedMs: fc.double({ min: 0, max: 86_400_000, noNaN: true }) },
);
/** Something else in one place of a task. */
const odd = fc.record({
  place: fc.constantFrom(
    'name',
    'body',
    'policy',
    'predictedMs',
    'after',
    'other',
    'policy.priority',
    'policy.maxLost',
    'policy.x',
    'body.x',
    'body.argv',
  ),
  value: fc.oneof(
    fc.constantFrom<unknown>(null, -1, 0, 1.5, 10, 1e300, '', 'x'.repeat(600), [], {}, [1], ['x'.repeat(9000)], true),
    fc.jsonValue({ maxDepth: 2 }),
  ),
});
const fromWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function withOdd(given: unknown, { place, value }: { readonly place: string; readonly value: unknown }): unknown {
  const [outer, inner] = place.split('.') as [string, string?];
  const held = (given as Record<string, unknown>)[outer];
  if (inner === undefined) return { ...(given as object), [outer]: value };
  return { ...(given as object), [outer]: { ...(held as object), [inner]: value } };
}

test('Q1 tasks: whatever the guard answers -> the schema answers, too; and plain ones it answers', () => {
  fc.assert(
    fc.property(task, odd, (plain, change) => {
      expect(quickTask(fromWire(plain))).toEqual(taskSpec.parse(fromWire(plain)));
      const value = fromWire(withOdd(plain, change));
      const quick = quickTask(value);
      if (quick) expect(taskSpec.parse(value)).toEqual(quick);
    }),
    { numRuns: 1000 },
  );
});

test('Q1 lists of tasks: with the guard or without -> the same answer, and the same problem', () => {
  const { addTasks } = bodySchemas(4);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(task, odd, fc.integer({ min: 0, max: 3 })), { maxLength: 5 }),
      fc.option(fc.nat(), { nil: undefined }),
      (drawn, expect_) => {
        const tasks = drawn.map(([plain, change, luck]) => (luck === 0 ? withOdd(plain, change) : plain));
        const value = fromWire(expect_ === undefined ? { tasks } : { tasks, expect: expect_ });
        const [quick, slow] = [checkWithTasks(addTasks, value, 4), addTasks.safeParse(value)];
        expect(quick.success ? quick.data : quick.error.issues).toEqual(slow.success ? slow.data : slow.error.issues);
      },
    ),
  );
});
