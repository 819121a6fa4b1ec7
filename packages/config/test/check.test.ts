import { hasCode } from '@holdfast/kernel';
import { expect, test } from 'vitest';
import { checkConfig } from '../src/check.ts';
import { CONFIG_EXIT_CODE } from '../src/mistakes.ts';

function problemOf(value: unknown): { message: string; details: Readonly<Record<string, unknown>> } {
  const checked = checkConfig(value, 'holdfast.config.ts');
  if (checked.ok) throw new Error('expected a mistake');
  expect(hasCode(checked.problem, 'CONFIG_INVALID')).toBe(true);
  expect(checked.problem.details['exitCode']).toBe(CONFIG_EXIT_CODE);
  return checked.problem;
}

test('file: every section is optional -> the empty file is valid', () => {
  expect(checkConfig({}, 'f').ok).toBe(true);
  expect(checkConfig({ run: {}, coordinator: {}, worker: { policy: {} } }, 'f').ok).toBe(true);
});

test('file: values of every kind -> kept as written', () => {
  const config = {
    run: { workers: 4, timeout: '5m', env: { A: '1' }, files: 'test/**', failFast: true },
    worker: { policy: { memoryMax: '16GiB', commands: ['node'] } },
  };
  expect(checkConfig(config, 'f')).toEqual({ ok: true, value: config });
});

test('file: a mistyped key -> names path, file and the nearest valid key', () => {
  const problem = problemOf({ run: { wokers: 2 } });
  expect(problem.message).toBe('use holdfast.config.ts: run.wokers is not a setting; did you mean run.workers?');
  expect(problem.details).toMatchObject({ key: 'run.wokers', where: 'holdfast.config.ts', suggestion: 'run.workers' });
});

test('file: a mistyped section, and a mistyped nested key -> both suggestions', () => {
  expect(problemOf({ runs: {} }).details).toMatchObject({ key: 'runs', suggestion: 'run' });
  expect(problemOf({ worker: { policy: { memorymax: 1 } } }).details).toMatchObject({ suggestion: 'worker.policy.memoryMax' });
});

test('file: a key like no other -> lists the known ones instead of guessing', () => {
  const problem = problemOf({ run: { xylophone: 1 } });
  expect(problem.details).not.toHaveProperty('suggestion');
  expect(problem.message).toContain('known are workers, retries');
});

test.each([
  [{ run: { workers: '4' } }, 'run.workers must be a whole number from 0 to 1024, not "4"'],
  [{ run: { timeout: 'soon' } }, 'run.timeout must be a duration of at most 24 hours such as 250ms, 30s, 5m or 2h, not "soon"'],
  [{ run: { timeout: '25h' } }, 'run.timeout must be a duration of at most 24 hours such as 250ms, 30s, 5m or 2h, not "25h"'],
  [{ worker: { policy: { memoryMax: '5 apples' } } }, 'worker.policy.memoryMax must be a size such as 512MiB or 16GiB'],
  [{ run: { files: ['a', 1] } }, 'run.files must be a text or a list of texts, not ["a",1]'],
  [{ run: 3 }, 'run must be an object with workers, retries'],
  [[], 'the configuration must be an object with run, coordinator, worker, not []'],
  [() => undefined, 'the configuration must be an object with run, coordinator, worker, not a function'],
])('file: %j -> says what the value must be', (value, message) => {
  expect(problemOf(value).message).toContain(message);
});

test('file: a token of the wrong kind -> its value is not shown', () => {
  expect(problemOf({ run: { token: 90_210 } }).message).not.toContain('90210');
});

test('file: several mistakes -> the first in the message, all in details', () => {
  const problem = problemOf({ run: { retry: 1, workers: -1 }, coordinator: { listn: 'x' } });
  const mistakes = problem.details['mistakes'] as readonly { readonly key: string }[];
  expect(mistakes.map(({ key }) => key).toSorted()).toEqual(['coordinator.listn', 'run.retry', 'run.workers']);
  expect(problem.message).toContain('(and 2 more: ');
});
