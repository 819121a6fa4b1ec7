import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { XMLValidator } from 'fast-xml-parser';
import { expect, test } from 'vitest';
import { coloursWanted, createRunFold, type Reporter, type RunEvent, unicodeWanted, verdict } from '../src/index.ts';
import { combineReporters, createReporter, type ReporterKind, type ReporterOptions, type ReporterOut } from '../src/io/reporters.ts';
import { countsOf, ended, finished, listed, lost } from './events.ts';
import { createTestScreen } from './screen.ts';
import { createVirtualTime } from './virtual-time.ts';

/** A run as a reporter sees it: events 1 s apart unless told otherwise. */
function stage(kind: ReporterKind, options: ReporterOptions = {}, isTerminal = kind === 'pretty') {
  const time = createVirtualTime();
  const screen = createTestScreen(100, 30);
  let text = '';
  const out: ReporterOut = {
    write: (piece) => {
      text += piece;
      screen.write(piece);
    },
    columns: () => 100,
    rows: () => 30,
    isTerminal,
    env: { NO_COLOR: '1' },
    clock: time.clock,
    timers: time.timers,
  };
  const reporter = createReporter(kind, options, out);
  const fold = createRunFold();
  return {
    time,
    screen,
    text: () => text,
    tell(events: readonly RunEvent[], everyMs = 1000) {
      for (const event of events) {
        reporter.event(event, fold.apply(event, time.clock.mono()), fold);
        time.pass(everyMs);
      }
    },
    end: () => reporter.end(fold, { verdict: verdict(fold), wallMs: fold.wallMs(time.clock.mono()), run: { name: 'shop' } }),
  };
}

const START: readonly RunEvent[] = [
  { e: 'run', state: 'sealed', counts: countsOf(2, 2) },
  { e: 'worker', worker: 'w1', change: 'joined', slots: 2 },
  listed(1),
  listed(2),
  listed(1, { state: 'running', epoch: 1, worker: 'w1' }),
  listed(2, { state: 'running', epoch: 1, worker: 'w1' }),
];
const LOST: readonly RunEvent[] = [
  { e: 'worker', worker: 'w1', change: 'lost', slots: 2, reason: 'no heartbeat for 10 s' },
  { e: 'worker', worker: 'w1', change: 'lost', slots: 2, reason: 'no heartbeat for 12 s' },
  lost(1, 1),
  lost(2, 1),
  listed(1),
  { e: 'worker', worker: 'w1', change: 'back', slots: 2 },
];
const FAILED = finished(1, 2, 'a-');
const REPEATED = finished(2, 2, 'a- b+', { final: false });
const REST: readonly RunEvent[] = [FAILED, FAILED, listed(1, { state: 'failed' }), REPEATED, REPEATED, finished(2, 3, 'a+ b+')];

test('reporter pretty: failures once, one line for a lost worker, nothing left of the live lines', async () => {
  const { tell, end, screen, time } = stage('pretty', { again: 'holdfast run --last-failed', reports: ['junit.xml'] });
  tell(START);
  expect(screen.lines().at(-1)).toMatch(/0\/2 files · 5\.\d s$/);
  expect(screen.lines()[1]).toMatch(/^ {2}w1 {2}test\/1\.test\.ts +1\.\d s$/);
  tell([...LOST, ...REST, ended(2)]);
  await end();
  expect(screen.lines()).toEqual([
    '  ↺ lost w1: no heartbeat for 10 s; 2 files will run elsewhere',
    '  ✓ w1 is back',
    '',
    '  ✗ test/1.test.ts:3 › a  w1 · 0.0 s',
    '',
    '    a broke',
    '',
    '  ↺ test/2.test.ts: 1 test failed on attempt 1, will run again',
    '  ~ test/2.test.ts:3 › a: passed on run 2',
    '',
    '  ✗ 1 test failed in 1 file',
    '',
    '       Files  1 failed · 1 flaky of 2',
    '       Tests  1 passed · 1 failed · 1 flaky of 3',
    '        Lost  2 attempts lost with their machines, all recovered',
    '     Retries  1 attempt repeated after a failure',
    expect.stringContaining('        Time  18.0 s'),
    '',
    '      Failed  test/1.test.ts:3 › a',
    '',
    '       Flaky  test/2.test.ts:3 › a (passed on run 2)',
    '',
    '       Again  holdfast run --last-failed',
    '     Reports  junit.xml',
    '',
  ]);
  expect(time.waiting()).toBe(0);
});

test.for(['pretty', 'ci'] as const)('reporter %s: a notice -> one calm line, once, without terminal commands', async (kind) => {
  const { tell, end, text } = stage(kind);
  const notice = { e: 'notice', text: 'no worker has this\u001b[2J state;\nthe nearest, w1: commit: c1, c2' } as const;
  tell([...START, notice, notice, ended(2)]);
  await end();
  expect(text().split('no worker has this state; the nearest, w1: commit: c1, c2')).toHaveLength(2);
  expect(text()).not.toContain('\u001b[2J');
});

test('reporter ci: one line a failure, progress every 10 s, blocks and summary at the end, no cursor movement', async () => {
  const { tell, end, text, time } = stage('ci');
  tell(START);
  time.pass(10_000);
  tell([...LOST, ...REST, ended(2)]);
  await end();
  expect(text().split('\n').slice(0, 9)).toEqual([
    '  0/2 files · 2 running · 10.0 s',
    '  ↺ lost w1: no heartbeat for 10 s; 2 files will run elsewhere',
    '  0/2 files · 0 running · 20.0 s',
    '  ✓ w1 is back',
    '  ✗ test/1.test.ts:3 › a: a broke',
    '  ↺ test/2.test.ts: 1 test failed on attempt 1, will run again',
    '  ~ test/2.test.ts:3 › a: passed on run 2',
    '',
    '  ✗ test/1.test.ts:3 › a  w1 · 0.0 s',
  ]);
  expect(text()).not.toContain('\u001b');
  expect(text()).toContain('  ✗ 1 test failed in 1 file\n');
  expect(time.waiting()).toBe(0);
});

test('reporter ci: nothing happens for a minute -> still one line each 10 s, because the time goes on', () => {
  const { tell, text, time } = stage('ci');
  tell(START, 0);
  time.pass(60_000);
  expect(text().trimEnd().split('\n')).toHaveLength(6);
});

test('reporter json: every event as one line, the verdict last', async () => {
  const { tell, end, text } = stage('json');
  const events = [...START, ...LOST, ...REST, ended(2)];
  tell(events);
  await end();
  const lines = text()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { e: string });
  expect(lines.slice(0, -1)).toEqual(events);
  expect(lines.at(-1)).toMatchObject({ e: 'verdict', kind: 'failed', exitCode: 1, totals: { tests: { failed: 1 } } });
});

test('reporter auto: a terminal -> pretty; a pipe -> ci', () => {
  const terminal = stage('auto', {}, true);
  terminal.tell(START, 100);
  expect(terminal.text()).toContain('\u001b[?2026h');
  const pipe = stage('auto', {}, false);
  pipe.tell(START, 100);
  expect(pipe.text()).toBe('');
});

test('reporter: logs on request -> complete lines with their task, plain, none twice', () => {
  const { tell, text } = stage('ci', { logs: 'all' });
  const log = (offset: number, piece: string, stream: 'out' | 'err' = 'out'): RunEvent => ({
    e: 'log',
    n: 1,
    epoch: 1,
    stream,
    text: piece,
    offset,
  });
  tell([listed(1), log(0, 'one\ntw'), log(6, 'other\n', 'err'), log(12, 'o\u001b[2J\nrest'), log(0, 'one\ntw')]);
  expect(text()).toBe(['one', 'other', 'two'].map((line) => `  test/1.test.ts │ ${line}\n`).join(''));
});

test('reporter: junit beside another, through one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-results-'));
  try {
    const path = join(folder, 'deep', 'junit.xml');
    const order: string[] = [];
    const other: Reporter = {
      event: (event) => void order.push(event.e),
      end: () => Promise.resolve(void order.push('end')),
    };
    const fold = createRunFold();
    const both = combineReporters([createReporter('junit', { junitPath: path }, {} as ReporterOut), other]);
    for (const event of [finished(1, 1, 'a+ b-'), ended(1)]) both.event(event, fold.apply(event, 0 as never), fold);
    await both.end(fold, { verdict: verdict(fold), wallMs: 10, run: { name: 'shop' } });
    expect(order).toEqual(['finished', 'ended', 'end']);
    const xml = readFileSync(path, 'utf8');
    expect(XMLValidator.validate(xml)).toBe(true);
    expect(xml).toContain('<testsuites name="shop" tests="2" failures="1"');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: '' }, true],
  [false, { FORCE_COLOR: '1' }, true],
  [false, { FORCE_COLOR: '3', NO_COLOR: '1' }, true],
  [true, { FORCE_COLOR: '0' }, false],
  [true, { TERM: 'dumb' }, false],
])('theme: terminal %j, %j -> colours %j', (isTerminal, env, colours) => {
  expect(coloursWanted({ isTerminal, env })).toBe(colours);
});

test.each([
  [{}, true],
  [{ LANG: 'de_DE.UTF-8' }, true],
  [{ LANG: 'de_DE.ISO-8859-1' }, false],
  [{ TERM: 'linux', LANG: 'C.UTF-8' }, false],
])('theme: %j -> unicode %j', (env, unicode) => {
  expect(unicodeWanted({ isTerminal: true, env })).toBe(unicode);
});

test('reporter ci: a message that begins like a workflow command -> not one', async () => {
  const { tell, end, text } = stage('ci');
  tell([finished(1, 1, '', { outcome: 'errored', errors: [{ message: '::stop-commands::x' }] }), ended(1)]);
  await end();
  expect(text()).toContain(':\u200b:stop-commands');
  expect(text()).not.toMatch(/^\s*::/m);
});
