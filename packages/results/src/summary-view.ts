/** The last words of a run: what it was worth, what it took, and what to type next. */
import { formatDuration } from '@holdfast/kernel';
import { columnsOf, cutEnd, padStart, wrap } from './columns.ts';
import { caseTitle } from './failure-view.ts';
import type { RunFold, Totals } from './fold.ts';
import type { FileVerdict } from './grade.ts';
import { plainLine } from './plain-text.ts';
import type { Paint, Theme } from './theme.ts';
import { counted, grouped, type Verdict } from './verdict.ts';

export interface SummaryOptions {
  readonly verdict: Verdict;
  readonly wallMs: number;
  /** The command that runs only what did not pass; shown when there is something to run again. */
  readonly again?: string;
  /** Places of the reports that were written. */
  readonly reports?: readonly string[];
  readonly columns: number;
  readonly theme: Theme;
}

/** The summary, beginning with an empty line. */
export function summaryLines(fold: Pick<RunFold, 'files' | 'totals'>, options: SummaryOptions): string[] {
  const { theme, verdict } = options;
  const totals = fold.totals();
  const good = verdict.exitCode === 0;
  const paint = good ? theme.good : verdict.kind === 'failed' ? theme.bad : theme.warn;
  const glyph = good ? theme.glyphs.passed : verdict.kind === 'failed' ? theme.glyphs.failed : theme.glyphs.lost;
  const lists = listsOf(fold, theme);
  const section = (label: string, lines: readonly string[]): string[] => labelled(label, lines, options);
  const last = [
    ...section('Again', options.again !== undefined && !good && verdict.kind !== 'nothing_to_run' ? [theme.accent(options.again)] : []),
    ...section('Reports', (options.reports ?? []).map(plainLine)),
  ];
  return [
    '',
    `  ${paint(theme.bold(`${glyph} ${cutEnd(verdict.headline, Math.max(10, options.columns - 5))}`))}`,
    '',
    ...section('Files', totals.files.total > 0 ? [countsLine(totals.files, theme)] : []),
    ...section('Tests', totals.tests.total > 0 ? [countsLine(totals.tests, theme)] : []),
    ...section('Lost', lostLine(totals)),
    ...section('Retries', totals.retries > 0 ? [`${counted(totals.retries, 'attempt')} repeated after a failure`] : []),
    ...section('Time', [timeLine(totals.summedMs, options.wallMs, theme)]),
    ...LISTS.flatMap((label) => spaced(section(label, shortened(lists[label], theme)))),
    ...spaced(last),
    '',
  ];
}

const spaced = (lines: readonly string[]): string[] => (lines.length > 0 ? ['', ...lines] : []);

function labelled(label: string, lines: readonly string[], { columns, theme }: SummaryOptions): string[] {
  const room = Math.max(20, columns - LABEL_COLUMNS - 3);
  return lines
    .flatMap((line) => (columnsOf(line) <= room || line.includes('\u001b') ? [line] : wrap(line, room)))
    .map((line, index) => `${theme.dim(padStart(index === 0 ? label : '', LABEL_COLUMNS))}  ${line}`);
}

/** `1,204 passed · 2 failed · 3 skipped of 1,209`. */
function countsLine(counts: Totals['tests'] | Totals['files'], theme: Theme): string {
  const parts = GRADES.filter(([grade]) => (grade in counts ? counts[grade as 'passed'] : 0) > 0).map(([grade, word, paint]) =>
    theme[paint](`${grouped(counts[grade as 'passed'])} ${word}`),
  );
  return parts.length > 1
    ? `${parts.join(` ${theme.dim(theme.glyphs.dot)} `)} ${theme.dim(`of ${grouped(counts.total)}`)}`
    : (parts[0] ?? '0');
}

function lostLine({ lostAttempts, recoveredAttempts }: Totals): string[] {
  if (lostAttempts === 0) return [];
  const base = `${counted(lostAttempts, 'attempt')} lost with ${lostAttempts === 1 ? 'its machine' : 'their machines'}`;
  if (recoveredAttempts === lostAttempts) return [`${base}, ${lostAttempts === 1 ? 'recovered' : 'all recovered'}`];
  return [`${base}, ${recoveredAttempts === 0 ? 'none' : grouped(recoveredAttempts)} recovered`];
}

function timeLine(summedMs: number, wallMs: number, theme: Theme): string {
  const wall = formatDuration(wallMs);
  if (summedMs <= 0 || wallMs <= 0) return wall;
  const speedUp = summedMs / wallMs;
  if (speedUp < 1.05) return `${wall} ${theme.dim(`(${formatDuration(summedMs)} of it in test files)`)}`;
  return `${wall} ${theme.dim(`(${formatDuration(summedMs)} one after another: ${speedUp.toFixed(1)} times faster)`)}`;
}

type ListLabel = (typeof LISTS)[number];

function listsOf(fold: Pick<RunFold, 'files'>, theme: Theme): Readonly<Record<ListLabel, readonly string[]>> {
  const lists: Record<ListLabel, string[]> = { Failed: [], Flaky: [], 'Known bad': [], 'Lost files': [], Unproven: [] };
  for (const file of fold.files()) listFile(file, lists, theme);
  return lists;
}

function listFile(file: FileVerdict, lists: Record<ListLabel, string[]>, theme: Theme): void {
  const name = plainLine(file.name);
  const reason = file.reason === undefined ? '' : `: ${plainLine(file.reason)}`;
  const failed = file.cases.filter(({ grade }) => grade === 'failed');
  const flaky = file.cases.filter(({ grade }) => grade === 'flaky');
  lists.Failed.push(...failed.map((one) => caseTitle(one, theme)));
  if (file.grade === 'failed' && failed.length === 0) lists.Failed.push(name + reason);
  lists.Flaky.push(...flaky.map((one) => `${caseTitle(one, theme)} (passed on run ${one.runs})`));
  if (file.grade === 'flaky' && flaky.length === 0) lists.Flaky.push(`${name} (passed on attempt ${file.attempts})`);
  lists['Known bad'].push(...file.cases.filter(({ grade }) => grade === 'quarantined').map((one) => caseTitle(one, theme)));
  if (file.grade === 'infra_lost') lists['Lost files'].push(name + reason);
  if (file.grade === 'not_proven' || file.grade === 'pending') lists.Unproven.push(name + reason);
}

function shortened(lines: readonly string[], theme: Theme): string[] {
  if (lines.length <= LIST_MAX) return [...lines];
  return [...lines.slice(0, LIST_MAX - 1), theme.dim(`… and ${grouped(lines.length - LIST_MAX + 1)} more`)];
}

const LABEL_COLUMNS = 12;
const LIST_MAX = 20;
const LISTS = ['Failed', 'Flaky', 'Known bad', 'Lost files', 'Unproven'] as const;
const GRADES: readonly (readonly [string, string, { [Key in keyof Theme]: Theme[Key] extends Paint ? Key : never }[keyof Theme]])[] = [
  ['passed', 'passed', 'good'],
  ['failed', 'failed', 'bad'],
  ['flaky', 'flaky', 'warn'],
  ['quarantined', 'known bad', 'warn'],
  ['infra_lost', 'lost', 'warn'],
  ['not_proven', 'not proven', 'warn'],
  ['pending', 'not finished', 'warn'],
  ['skipped', 'skipped', 'dim'],
];
