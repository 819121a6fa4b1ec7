import { type Assignment, coordinatorMessage, type EncodedMessage, messageProblem } from '@holdfast/protocol';
import type { Grant } from '@holdfast/task-store';
import { expect, test } from 'vitest';
import { kindOf, packAssignments } from '../src/assignments.ts';

const grant = (n: number, change: Partial<Grant> = {}): Grant => ({
  run: 1,
  n,
  epoch: 1,
  name: `task ${n}`,
  class: 'any',
  body: '{"kind":"noop"}',
  timeoutMs: 0,
  graceMs: 5000,
  onDisconnect: 'hedge',
  ...change,
});
const decoded = (messages: readonly EncodedMessage[]): Assignment[] => messages.map(({ json }) => JSON.parse(json) as Assignment);
const list = (count: number, make: (n: number) => Grant): Grant[] => Array.from({ length: count }, (_, index) => make(index + 1));
const command = (argument: string): Partial<Grant> => ({
  body: JSON.stringify({ kind: 'command', argv: ['echo', ...(argument.match(/.{1,8000}/gsu) ?? [])] }),
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
  const sent = decoded(messages);
  expect(sent.map((message) => messageProblem(message, coordinatorMessage))).toEqual(sent.map(() => undefined));
  expect(sent.flatMap((message) => message.leases.map((lease) => lease.n))).toEqual(grants.map((each) => each.n));
});

test('pack: a grant that no message can carry -> named, the others are sent', () => {
  const huge = grant(2, { resumeFrom: { epoch: 1, seq: 1, data: ['x'.repeat(250_000), 'x'.repeat(250_000), 'x'.repeat(250_000)] } });
  const { messages, tooLarge } = packAssignments(1, [grant(1), huge, grant(3)]);
  expect(tooLarge).toEqual([huge]);
  expect(decoded(messages).flatMap((message) => message.leases.map((lease) => lease.n))).toEqual([1, 3]);
});

test('pack: what a grant holds -> the same fields on the wire, whatever its name', () => {
  const body = { kind: 'test', unit: { file: 'a "b" \\ \u2028.ts' } };
  const named = grant(7, { epoch: 3, name: 'a "b" \\ \n', body: JSON.stringify(body), resumeFrom: { epoch: 1, seq: 2, data: { at: 1 } } });
  const rest = { timeoutMs: 0, graceMs: 5000, onDisconnect: 'hedge', resumeFrom: { epoch: 1, seq: 2, data: { at: 1 } } };
  expect(decoded(packAssignments(4, [named]).messages)).toEqual([
    { t: 'assign', run: 4, leases: [{ n: 7, epoch: 3, name: named.name, body, ...rest }] },
  ]);
});

test.each([
  ['{"kind":"noop"}', 'noop'],
  ['{"argv":["kind"],"kind":"command"}', 'command'],
])('kind of %s -> %s', (body, kind) => {
  expect(kindOf(body)).toBe(kind);
});
