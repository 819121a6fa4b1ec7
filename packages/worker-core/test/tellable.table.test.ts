import type { AttemptResult, CaseResult } from '@holdfast/model';
import type { WorkerMessage } from '@holdfast/protocol';
import { expect, test } from 'vitest';
import { newsOfCases, problemOf, resultMessages } from '../src/tellable.ts';

const key = { run: 1, n: 1, epoch: 1 };
const one = (change: Partial<CaseResult> = {}): CaseResult => ({
  path: ['suite', 'case'],
  file: 'a.test.ts',
  grade: 'passed',
  durationMs: 1,
  attempts: 1,
  ...change,
});
const many = (count: number, make: (index: number) => CaseResult): CaseResult[] => Array.from({ length: count }, (_, index) => make(index));
const result = (change: Partial<AttemptResult>): AttemptResult => ({ outcome: 'failed', durationMs: 5, cases: [], ...change });
const wide = '測'.repeat(8000);
const failure = { message: wide, stack: wide.repeat(4), diff: wide.repeat(4) };

const messagesOf = (given: AttemptResult): WorkerMessage[] => {
  const told = resultMessages(key, given);
  const sent = told.map(({ encoded }) => JSON.parse(encoded.json) as WorkerMessage);
  expect(told.map(({ message }) => message)).toEqual(sent);
  return sent;
};
const casesOf = (messages: readonly WorkerMessage[]): unknown[] =>
  messages.flatMap((message) => (message.t === 'part' ? message.cases : message.t === 'finished' ? message.result.cases : []));

test.each([
  ['5,000 small cases', result({ cases: many(5000, (index) => one({ path: [`case ${index}`] })) })],
  [
    '30 cases that fail in wide characters',
    result({ cases: many(30, (index) => one({ path: [`case ${index}`], grade: 'failed', failure })) }),
  ],
  ['100 errors of the file', result({ errors: many(100, () => one()).map(() => failure) })],
  ['no case at all', result({ outcome: 'passed' })],
])('result: %s -> every message can be told, and no case is missing', (_name, given) => {
  const messages = messagesOf(given);
  expect(messages.map(problemOf)).toEqual(messages.map(() => undefined));
  expect(casesOf(messages)).toHaveLength(given.cases.length);
  expect(messages.at(-1)).toMatchObject({ t: 'finished', result: { outcome: given.outcome } });
});

test('result: something that no schema takes -> errored, with the reason', () => {
  const messages = messagesOf(result({ cases: [one({ line: 0 })] }));
  expect(messages).toMatchObject([
    { t: 'finished', result: { outcome: 'errored', reason: expect.stringMatching(/^its result cannot be told: /) } },
  ]);
  expect(messages.map(problemOf)).toEqual([undefined]);
});

test('news: more cases than one message takes -> several, all of them; a case that none takes is left out', () => {
  const messages = newsOfCases(
    key,
    many(700, (index) => one({ path: [`case ${index}`] })),
  );
  expect(messages.map(problemOf)).toEqual(messages.map(() => undefined));
  expect(messages.flatMap((message) => (message.t === 'progress' ? message.cases : []))).toHaveLength(700);
  expect(newsOfCases(key, [one({ line: 0 }), one()])).toHaveLength(1);
});
