/** The part of the screen that is redrawn: one line for each running file, and the line of progress. */
import { elapsed, formatDuration, type MonoMs } from '@holdfast/kernel';
import { columnsOf, cutEnd, cutStart, padEnd, padStart } from './columns.ts';
import type { RunFold, Totals } from './fold.ts';
import type { LiveAttempt, LiveState, LiveWorker } from './live-state.ts';
import { plainLine } from './plain-text.ts';
import type { Theme } from './theme.ts';
import { grouped } from './verdict.ts';

/** The space there is. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
}

/** At most `rows - 1` lines of at most `columns - 1` columns: a full last column would wrap on some terminals. */
export function liveLines(fold: RunFold, live: LiveState, screen: Screen, theme: Theme, now: MonoMs): string[] {
  const columns = Math.max(1, screen.columns - 1);
  const spare = Math.min(LINES_MAX, screen.rows - 5);
  const rows = spare > 0 ? workerLines(live.workers(), columns, spare, theme, now) : [];
  const progress = progressLine(fold, live.leftMs(now), columns, theme, now);
  return rows.length > 0 ? ['', ...rows, '', progress] : [progress];
}

interface Row {
  readonly worker: string;
  readonly what: string;
  readonly time: string;
  readonly slow: boolean;
}

function workerLines(workers: readonly LiveWorker[], columns: number, linesMax: number, theme: Theme, now: MonoMs): string[] {
  const busy = workers.filter(({ running, state }) => running.length > 0 || state === 'lost');
  const lines = busy.reduce((sum, { running }) => sum + Math.max(1, running.length), 0);
  const all = busy.flatMap((worker) => (lines <= linesMax ? eachRow(worker, now) : [shortRow(worker, now)]));
  const shown = all.length <= linesMax ? all : all.slice(0, linesMax - 1);
  const nameColumns = columns < 50 ? 0 : Math.min(NAME_COLUMNS_MAX, Math.max(...shown.map(({ worker }) => columnsOf(worker)), 0));
  const timeColumns = Math.max(...shown.map(({ time }) => columnsOf(time)), 0);
  const rows = shown.map((row) => rowLine(row, nameColumns, timeColumns, columns, theme));
  return all.length === shown.length ? rows : [...rows, theme.dim(cutEnd(`  … and ${all.length - shown.length} more workers`, columns))];
}

const workerName = (worker: LiveWorker): string => plainLine(worker.name);

function eachRow(worker: LiveWorker, now: MonoMs): Row[] {
  if (worker.state === 'lost') return [lostRow(worker)];
  return worker.running.map((attempt, index) => ({ worker: index === 0 ? workerName(worker) : '', ...attemptRow(attempt, now) }));
}

function shortRow(worker: LiveWorker, now: MonoMs): Row {
  if (worker.state === 'lost') return lostRow(worker);
  const [first, ...others] = worker.running;
  const row = { worker: workerName(worker), ...attemptRow(first!, now) };
  return others.length === 0 ? row : { ...row, what: `${row.what} +${others.length}` };
}

const lostRow = (worker: LiveWorker): Row => ({ worker: workerName(worker), what: 'cannot be reached', time: '', slow: true });

function attemptRow(attempt: LiveAttempt, now: MonoMs): Omit<Row, 'worker'> {
  const ran = elapsed(attempt.since, now);
  const slow = attempt.predictedMs > 0 && ran > Math.max(2 * attempt.predictedMs, SLOW_MS);
  const usually = slow ? `usually ${formatDuration(attempt.predictedMs)}  ` : '';
  return { what: plainLine(attempt.name), time: `${usually}${formatDuration(ran)}`, slow };
}

function rowLine(row: Row, nameColumns: number, timeColumns: number, columns: number, theme: Theme): string {
  const name = nameColumns > 0 ? `${padEnd(cutEnd(row.worker, nameColumns), nameColumns)}  ` : '';
  const room = columns - 2 - columnsOf(name) - timeColumns - 2;
  if (room < 8) return cutEnd(`  ${row.what}`, columns);
  const cut = cutStart(row.what, room);
  if (row.time === '') return `  ${theme.accent(name)}${theme.warn(cut)}`;
  const what = padEnd(cut, room);
  const time = padStart(row.time, timeColumns);
  return `  ${theme.accent(name)}${what}  ${row.slow ? theme.warn(time) : theme.dim(time)}`;
}

function progressLine(fold: RunFold, leftMs: number | undefined, columns: number, theme: Theme, now: MonoMs): string {
  const totals = fold.totals();
  const done = totals.files.total - totals.files.pending;
  const separator = ` ${theme.dim(theme.glyphs.dot)} `;
  const files = `${theme.bold(grouped(done))}${theme.dim(`/${grouped(totals.files.total)} files`)}`;
  const clock = theme.dim(formatDuration(fold.wallMs(now)));
  const left = leftMs === undefined || done === totals.files.total ? [] : [theme.dim(`${roughly(leftMs)} left`)];
  // What is said from most to least important; what does not fit is left out from the end.
  const pieces = [files, ...liveCounts(totals, theme), clock, ...left];
  while (pieces.length > 1 && columnsOf(pieces.join(separator)) > columns - 2) pieces.pop();
  const text = pieces.join(separator);
  const bar = Math.min(BAR_COLUMNS_MAX, columns - 4 - columnsOf(text));
  return cutEnd(bar < BAR_COLUMNS_MIN ? `  ${text}` : `  ${progressBar(totals, bar, theme)}  ${text}`, columns);
}

function progressBar(totals: Totals, columns: number, theme: Theme): string {
  const { glyphs } = theme;
  const share = totals.files.total === 0 ? 0 : (totals.files.total - totals.files.pending) / totals.files.total;
  const full = Math.floor(share * columns);
  const tip = full < columns ? 1 : 0;
  const colour = totals.files.failed > 0 ? theme.bad : theme.good;
  return colour(glyphs.full.repeat(full) + glyphs.tip.repeat(tip)) + theme.dim(glyphs.empty.repeat(columns - full - tip));
}

/** `1,204 passed`, `2 failed`, …: what there is of each, worst first after passed. */
export function liveCounts(totals: Totals, theme: Theme): string[] {
  const { tests, files } = totals;
  const failed = tests.failed > 0 ? tests.failed : files.failed;
  const unit = tests.failed === 0 && files.failed > 0 && tests.total > 0 ? (files.failed === 1 ? 'file ' : 'files ') : '';
  return [
    ...some(tests.total > 0 ? tests.passed + tests.flaky : files.passed + files.flaky, 'passed', theme.good),
    ...some(failed, `${unit}failed`, theme.bad),
    ...some(Math.max(tests.flaky, files.flaky), 'flaky', theme.warn),
    ...some(files.infra_lost, 'lost', theme.warn),
    ...some(files.not_proven, 'not proven', theme.warn),
  ];
}

const some = (count: number, word: string, paint: (text: string) => string): string[] =>
  count > 0 ? [paint(`${grouped(count)} ${word}`)] : [];

/** A guess must not look exact: whole seconds, and above ten of them fives. */
function roughly(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const rounded = seconds > 10 ? Math.ceil(seconds / 5) * 5 : seconds;
  return rounded < 60 ? `~${rounded} s` : `~${formatDuration(rounded * 1000)}`;
}

const LINES_MAX = 16;
const NAME_COLUMNS_MAX = 18;
const BAR_COLUMNS_MAX = 28;
const BAR_COLUMNS_MIN = 8;
const SLOW_MS = 5000;
