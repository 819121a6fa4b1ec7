import { expect, test } from 'vitest';
import {
  columnsOf,
  createLiveState,
  createTheme,
  failureLine,
  failureLines,
  failuresOf,
  liveLines,
  type RunEvent,
  summaryLines,
  verdict,
  createRunFold,
} from '../src/index.ts';
import { at, countsOf, ended, finished, folded, listed, lost } from './events.ts';

const theme = createTheme({ colours: false, unicode: true });
const coloured = createTheme({ colours: true, unicode: true });

function liveAt(columns: number, rows = 24, now = 3400): string[] {
  const fold = createRunFold();
  const live = createLiveState();
  const tell = (event: RunEvent, when: number): void => {
    fold.apply(event, at(when));
    live.apply(event, at(when));
  };
  tell({ e: 'run', state: 'sealed', counts: countsOf(8, 8) }, 0);
  for (const worker of ['laptop', 'gpu-box', 'spare']) tell({ e: 'worker', worker, change: 'joined', slots: 2 }, 0);
  for (let n = 1; n <= 8; n += 1) tell(listed(n, { name: `test/area/file-${n}.test.ts`, predictedMs: n === 4 ? 100 : 4000 }), 0);
  tell(listed(1, { name: 'test/area/file-1.test.ts', state: 'running', epoch: 1, worker: 'laptop' }), 0);
  tell(listed(2, { name: 'test/area/file-2.test.ts', state: 'running', epoch: 1, worker: 'laptop' }), 1000);
  tell(listed(3, { name: 'test/area/file-3.test.ts', state: 'running', epoch: 1, worker: 'gpu-box' }), 1000);
  tell(listed(4, { name: 'test/area/file-4.test.ts', state: 'running', epoch: 1, worker: 'gpu-box', predictedMs: 100 }), 1500);
  tell(finished(1, 1, 'a+ b+ c-'), 3000);
  tell({ e: 'worker', worker: 'spare', change: 'lost', slots: 2 }, 3000);
  return liveLines(fold, live, { columns, rows }, theme, at(now));
}

test('view: live at 80 columns', () => {
  expect(liveAt(80)).toEqual([
    '',
    '  gpu-box  test/area/file-3.test.ts                                       2.4 s',
    '           test/area/file-4.test.ts                                       1.9 s',
    '  laptop   test/area/file-2.test.ts                                       2.4 s',
    '  spare    cannot be reached',
    '',
    '  ━━━╸────────────────────  1/8 files · 2 passed · 1 failed · 3.4 s · ~5 s left',
  ]);
});

test('view: live at 44 columns -> no names of workers, the end of each path', () => {
  expect(liveAt(44)).toEqual([
    '',
    '  test/area/file-3.test.ts            2.4 s',
    '  test/area/file-4.test.ts            1.9 s',
    '  test/area/file-2.test.ts            2.4 s',
    '  cannot be reached',
    '',
    '  1/8 files · 2 passed · 1 failed · 3.4 s',
  ]);
});

test('view: live at 28 columns', () => {
  expect(liveAt(28)).toEqual([
    '',
    '  …ea/file-3.test.ts  2.4 s',
    '  …ea/file-4.test.ts  1.9 s',
    '  …ea/file-2.test.ts  2.4 s',
    '  cannot be reached',
    '',
    '  1/8 files · 2 passed',
  ]);
});

test('view: live with few rows -> one line a worker, then only progress', () => {
  expect(liveAt(60, 8)).toEqual([
    '',
    '  gpu-box  test/area/file-3.test.ts +1                2.4 s',
    '  laptop   test/area/file-2.test.ts                   2.4 s',
    '  spare    cannot be reached',
    '',
    expect.stringContaining('1/8 files'),
  ]);
  expect(liveAt(60, 5)).toEqual([expect.stringContaining('1/8 files')]);
});

test('view: live far beyond its prediction -> says what is usual', () => {
  expect(liveAt(80, 24, 9000)[2]).toBe('           test/area/file-4.test.ts                        usually 0.1 s  7.5 s');
});

test('view: live at any width -> no line reaches the last column', () => {
  for (let columns = 1; columns < 130; columns += 1)
    for (const line of liveAt(columns)) expect(columnsOf(line)).toBeLessThanOrEqual(Math.max(1, columns - 1));
});

const failure = {
  message: 'AssertionError: expected 3 to be 4',
  stack:
    'AssertionError: expected 3 to be 4\n    at add (/repo/src/add.ts:9:3)\n    at /repo/test/1.test.ts:12:17\n    at node:internal/x:1:1',
  diff: '- Expected\n+ Received\n\n- 4\n+ 3',
};
const failing: RunEvent = {
  e: 'finished',
  n: 1,
  epoch: 1,
  worker: 'laptop',
  final: true,
  result: {
    outcome: 'failed',
    durationMs: 30,
    cases: [{ path: ['add', 'negative numbers'], file: 'test/1.test.ts', line: 10, grade: 'failed', durationMs: 20, attempts: 1, failure }],
  },
};
const source = ["test('negative numbers', () => {", '  const sum = add(-1, 5);', '  expect(sum).toBe(3);', '});'];
const readLines = (file: string, from: number, to: number): string[] | undefined =>
  file === 'test/1.test.ts' ? [...Array.from({ length: 9 }, () => ''), ...source].slice(from - 1, to) : undefined;
const shown = failuresOf(folded([listed(1), failing]).file(1)!, theme)[0]!;

test('view: a failure at 80 columns', () => {
  expect(failureLines(shown, { columns: 80, theme, readLines })).toEqual([
    '',
    '  ✗ test/1.test.ts:12 › add › negative numbers  laptop · 0.0 s',
    '',
    '    AssertionError: expected 3 to be 4',
    '',
    '    - Expected',
    '    + Received',
    '',
    '    - 4',
    '    + 3',
    '',
    "      10 │ test('negative numbers', () => {",
    '      11 │   const sum = add(-1, 5);',
    '    > 12 │   expect(sum).toBe(3);',
    '         │                 ^',
    '      13 │ });',
    '',
    '    at add (/repo/src/add.ts:9:3)',
    '    at /repo/test/1.test.ts:12:17',
  ]);
});

test('view: a failure at 30 columns -> the name is wrapped, code is cut', () => {
  expect(failureLines(shown, { columns: 30, theme, readLines })).toEqual([
    '',
    '  ✗ test/1.test.ts:12 › add',
    '    › negative numbers',
    '    laptop · 0.0 s',
    '',
    '    AssertionError: expected',
    '    3 to be 4',
    '',
    '    - Expected',
    '    + Received',
    '',
    '    - 4',
    '    + 3',
    '',
    "      10 │ test('negative nu…",
    '      11 │   const sum = add…',
    '    > 12 │   expect(sum).toB…',
    '         │                 ^',
    '      13 │ });',
    '',
    '    at add (/repo/src/add.ts:',
    '    9:3)',
    '    at /repo/test/1.test.ts:1',
    '    2:17',
  ]);
});

test('view: a failure whose file cannot be read -> no frame; one line for CI', () => {
  const lines = failureLines(shown, { columns: 80, theme, readLines: () => undefined });
  expect(lines.some((line) => line.includes('│'))).toBe(false);
  expect(failureLine(shown)).toBe('test/1.test.ts:12 › add › negative numbers: AssertionError: expected 3 to be 4');
});

test('view: a hostile failure -> no control of its own reaches the terminal, in colour or without', () => {
  const evil = '\u001b[2J\u001b]0;owned\u0007\u009b2J\r\u202etxt\u0000';
  const event = structuredClone(failing) as typeof failing & {
    result: { cases: { path: string[]; file: string; failure: object }[] };
    worker: string;
  };
  event.worker = evil;
  Object.assign(event.result.cases[0]!, {
    path: [evil, 'x'],
    file: evil,
    failure: { message: evil, stack: `${evil}\n    at ${evil}`, diff: `+${evil}` },
  });
  const fold = folded([listed(1, { name: evil }), event, listed(2, { name: evil, state: 'cancelled', reason: evil }), ended(2)]);
  const hostile = failuresOf(fold.file(1)!, coloured)[0]!;
  const lines = [
    ...failureLines({ ...hostile, location: { file: 'x', line: 1, column: 1 } }, { columns: 60, theme: coloured, readLines: () => [evil] }),
    ...summaryLines(fold, { verdict: verdict(fold), wallMs: 5, columns: 60, theme: coloured, reports: [evil] }),
    failureLine(hostile),
  ];
  for (const line of lines) {
    // oxlint-disable-next-line no-control-regex
    expect(line.replaceAll(/\u001b\[(?:[0-9]{1,2})m/g, '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
  }
  expect(lines.join('\n')).not.toContain('owned');
});

test('view: summary with everything in it', () => {
  const fold = folded([
    listed(1),
    failing,
    listed(2),
    finished(2, 1, 'a-', { final: false }),
    finished(2, 2, 'a+ b0'),
    listed(3),
    lost(3, 1),
    finished(3, 2, 'a+'),
    listed(4),
    lost(4, 1, 'power cut'),
    listed(5),
    ended(5),
  ]);
  const options = { verdict: verdict(fold), wallMs: 100, columns: 80, theme, again: 'holdfast run --last-failed', reports: ['junit.xml'] };
  expect(summaryLines(fold, options)).toEqual([
    '',
    '  ✗ 1 test failed in 1 file',
    '',
    '       Files  1 passed · 1 failed · 1 flaky · 1 lost · 1 not proven of 5',
    '       Tests  1 passed · 1 failed · 1 flaky · 1 skipped of 4',
    '        Lost  2 attempts lost with their machines, 1 recovered',
    '     Retries  1 attempt repeated after a failure',
    '        Time  0.1 s (0.3 s one after another: 3.3 times faster)',
    '',
    '      Failed  test/1.test.ts:12 › add › negative numbers',
    '',
    '       Flaky  test/2.test.ts:3 › a (passed on run 2)',
    '',
    '  Lost files  test/4.test.ts: every attempt was lost: power cut',
    '',
    '    Unproven  test/5.test.ts: never started',
    '',
    '       Again  holdfast run --last-failed',
    '     Reports  junit.xml',
    '',
  ]);
});

test('view: summary of a clean run is short', () => {
  const fold = folded([listed(1), finished(1, 1, 'a+ b+', { durationMs: 900 }), ended(1)]);
  expect(summaryLines(fold, { verdict: verdict(fold), wallMs: 1000, columns: 80, theme, again: 'again' })).toEqual([
    '',
    '  ✓ 2 tests passed',
    '',
    '       Files  1 passed',
    '       Tests  2 passed',
    '        Time  1.0 s (0.9 s of it in test files)',
    '',
  ]);
});
