import { expect, test } from 'vitest';
import { parseGoJson } from '../src/go-json.ts';

const stream = (...events: readonly Record<string, unknown>[]): string =>
  ['go: downloading example.com/x v1.0.0', ...events.map((event) => JSON.stringify({ Time: '2026-11-25T00:00:00Z', ...event }))].join('\n');

test('go-json: tests, subtests, skips and what they print -> cases with go’s own totals, failures with their output', () => {
  const Package = 'example.com/sum';
  const parsed = parseGoJson(
    stream(
      { Action: 'start', Package },
      { Action: 'run', Package, Test: 'TestSum' },
      { Action: 'run', Package, Test: 'TestSum/of/two' },
      { Action: 'output', Package, Test: 'TestSum/of/two', Output: '=== RUN   TestSum/of/two\n' },
      { Action: 'output', Package, Test: 'TestSum/of/two', Output: '    sum_test.go:12: got 3, want 4\n' },
      { Action: 'fail', Package, Test: 'TestSum/of/two', Elapsed: 0.25 },
      { Action: 'fail', Package, Test: 'TestSum', Elapsed: 0.25 },
      { Action: 'run', Package, Test: 'TestLater' },
      { Action: 'skip', Package, Test: 'TestLater', Elapsed: 0 },
      { Action: 'run', Package, Test: 'TestFine' },
      { Action: 'pass', Package, Test: 'TestFine', Elapsed: 1.5 },
      { Action: 'output', Package, Output: 'FAIL\n' },
      { Action: 'fail', Package, Elapsed: 2 },
    ),
    { file: '' },
  );
  expect(parsed).toMatchObject({
    ok: true,
    value: {
      errors: [],
      cases: [
        {
          path: ['TestSum', 'of', 'two'],
          file: Package,
          line: 12,
          grade: 'failed',
          durationMs: 250,
          failure: { message: 'sum_test.go:12: got 3, want 4' },
        },
        { path: ['TestSum'], grade: 'failed' },
        { path: ['TestLater'], grade: 'skipped' },
        { path: ['TestFine'], grade: 'passed', durationMs: 1500 },
      ],
    },
  });
});

test('G2 go-json: a package does not build, a test panics without an end -> an error, a failed case; never green', () => {
  const built = parseGoJson(
    stream(
      { Action: 'build-output', ImportPath: 'example.com/a [example.com/a.test]', Output: '# example.com/a [example.com/a.test]\n' },
      { Action: 'build-output', ImportPath: 'example.com/a [example.com/a.test]', Output: './a.go:3:1: undefined: x\n' },
      { Action: 'fail', Package: 'example.com/a', Elapsed: 0 },
    ),
    { file: '' },
  );
  expect(built).toMatchObject({ ok: true, value: { cases: [], errors: [{ message: './a.go:3:1: undefined: x' }] } });
  const died = parseGoJson(
    stream(
      { Action: 'run', Package: 'p', Test: 'TestPanics' },
      { Action: 'output', Package: 'p', Test: 'TestPanics', Output: 'panic: oh\n' },
    ),
    { file: '' },
  );
  expect(died).toMatchObject({
    ok: true,
    value: { cases: [{ path: ['TestPanics'], grade: 'failed', failure: { message: 'panic: oh' } }] },
  });
});

test('go-json: no event at all -> bad', () => {
  expect(parseGoJson('go: no such tool\n{"a":1}\n', { file: '' })).toEqual({ ok: false, problem: 'hold no event of go test -json' });
});
