import { DEFAULT_POLICY } from '@holdfast/model';
import { coordinatorMessage, messageProblem } from '@holdfast/protocol';
import type { Grant } from '@holdfast/task-store';
import { expect, test } from 'vitest';
import { packAssignments } from '../src/assignments.ts';

const grant = (n: number, change: Partial<Grant> = {}): Grant => ({
  run: 1,
  n,
  epoch: 1,
  name: `task ${n}`,
  body: { kind: 'noop' },
  policy: DEFAULT_POLICY,
  class: 'any',
  ...change,
});
const list = (count: number, make: (n: number) => Grant): Grant[] => Array.from({ length: count }, (_, index) => make(index + 1));
const command = (argument: string): Partial<Grant> => ({
  body: { kind: 'command', argv: ['echo', ...(argument.match(/.{1,8000}/gsu) ?? [])] },
});

test.each([
  ['64 small tasks', list(64, grant), 1],
  ['300 small tasks', list(300, grant), 2],
  ['16 tasks of 60 KB', list(16, (n) => grant(n, command('x'.repeat(60_000)))), 8],
  ['wide characters', list(8, (n) => grant(n, command('測'.repeat(20_000)))), 2],
])('pack: %s -> all of them, in order, in messages that can be sent', (_name, grants, count) => {
  const { messages, tooLarge } = packAssignments(1, grants);
  expect(tooLarge).toEqual([]);
  expect(messages).toHaveLength(count);
  expect(messages.map((message) => messageProblem(message, coordinatorMessage))).toEqual(messages.map(() => undefined));
  expect(messages.flatMap((message) => message.leases.map((lease) => lease.n))).toEqual(grants.map((each) => each.n));
});

test('pack: a grant that no message can carry -> named, the others are sent', () => {
  const huge = grant(2, { resumeFrom: { epoch: 1, seq: 1, data: ['x'.repeat(250_000), 'x'.repeat(250_000), 'x'.repeat(250_000)] } });
  const { messages, tooLarge } = packAssignments(1, [grant(1), huge, grant(3)]);
  expect(tooLarge).toEqual([huge]);
  expect(messages.flatMap((message) => message.leases.map((lease) => lease.n))).toEqual([1, 3]);
});
