/** A failure on a terminal: what failed, why, what was expected, and the lines of code around it. */
import { formatDuration } from '@holdfast/kernel';
import type { Failure } from '@holdfast/model';
import { columnsOf, cutEnd, padStart, wrap } from './columns.ts';
import { failureLocation, type Location, type ReadLines } from './failure-location.ts';
import type { CaseVerdict, FileVerdict } from './grade.ts';
import { firstLine, plainLine, plainText } from './plain-text.ts';
import type { Theme } from './theme.ts';

export interface FailureView {
  readonly columns: number;
  readonly theme: Theme;
  /** Default: no code frames. */
  readonly readLines?: ReadLines;
}

/** One failure of one case. `line`: undefined when nothing tells it. */
export interface ShownFailure {
  /** `test/a.test.ts:12 › suite › title`, plain. */
  readonly title: string;
  readonly failure: Failure;
  readonly location?: Location;
  /** Where and how long, dim. */
  readonly aside: string;
}

/** Everything about a settled, failed file that is worth a block: its failed cases, its errors, its own reason. */
export function failuresOf(file: FileVerdict, theme: Theme): ShownFailure[] {
  if (file.grade !== 'failed') return [];
  const where = file.worker === undefined ? '' : plainLine(file.worker);
  const cases = file.cases.filter(({ grade }) => grade === 'failed').map((one) => caseFailure(one, where, theme));
  const errors = file.errors.map((failure): ShownFailure => {
    const location = failureLocation({ file: file.cases[0]?.file ?? file.name }, failure);
    return { title: titleOf(location, file.name, [], theme), failure, aside: where, ...(location ? { location } : {}) };
  });
  if (cases.length + errors.length > 0) return [...cases, ...errors];
  return [{ title: plainLine(file.name), failure: { message: file.reason ?? 'failed' }, aside: where }];
}

function caseFailure(one: CaseVerdict, where: string, theme: Theme): ShownFailure {
  const last = one.failures.at(-1)!;
  const location = failureLocation(one, last.failure);
  const runs = one.runs > 1 ? [`${one.runs} runs`] : [];
  const aside = [where, formatDuration(one.durationMs), ...runs].filter((part) => part !== '').join(` ${theme.glyphs.dot} `);
  return { title: caseTitle(one, theme), failure: last.failure, aside, ...(location ? { location } : {}) };
}

/** `test/a.test.ts:12 › suite › title` on one line. */
export function caseTitle(one: Pick<CaseVerdict, 'file' | 'path' | 'line' | 'project' | 'failures'>, theme: Theme): string {
  const failure = one.failures.at(-1)?.failure;
  const location = failure ? failureLocation(one, failure) : one.line === undefined ? undefined : { file: one.file, line: one.line };
  const title = titleOf(location, one.file, one.path, theme);
  return one.project === undefined || one.project === '' ? title : `[${plainLine(one.project)}] ${title}`;
}

function titleOf(location: Location | undefined, file: string, path: readonly string[], theme: Theme): string {
  const place = location ? `${plainLine(file)}:${location.line}` : plainLine(file);
  return [place, ...path.map(plainLine)].join(` ${theme.glyphs.arrow} `);
}

/** The block, beginning with an empty line. Every line fits `columns - 1`, except those of code, which are cut. */
export function failureLines(shown: ShownFailure, view: FailureView): string[] {
  const { theme } = view;
  const columns = Math.max(20, view.columns - 1);
  const [first, ...rest] = wrap(shown.title, columns - 4);
  const head = [
    `  ${theme.bad(theme.bold(theme.glyphs.failed))} ${theme.bold(first ?? '')}`,
    ...rest.map((line) => `    ${theme.bold(line)}`),
  ];
  const aside = shown.aside === '' ? [] : asideLines(head, shown.aside, columns, theme);
  const message = textBlock(messageOf(shown.failure), MESSAGE_LINES_MAX, columns, theme.bad, theme);
  const frame = shown.location && view.readLines ? codeFrame(shown.location, view.readLines, columns, theme) : [];
  return [
    '',
    ...(aside.length > 0 ? aside : head),
    '',
    ...message,
    ...diffLines(shown.failure, columns, theme),
    ...spaced(frame),
    ...stackLines(shown, columns, theme),
  ];
}

/** One line for logs of CI: title and the first line of the message. */
export function failureLine(shown: ShownFailure): string {
  const message = firstLine(shown.failure.message);
  return message === '' ? shown.title : `${shown.title}: ${message}`;
}

/** `head` with the aside at its end where it fits, else below. */
function asideLines(head: readonly string[], aside: string, columns: number, theme: Theme): string[] {
  const last = head.at(-1)!;
  if (columnsOf(last) + 2 + columnsOf(aside) <= columns) return [...head.slice(0, -1), `${last}  ${theme.dim(aside)}`];
  return [...head, `    ${theme.dim(cutEnd(aside, columns - 4))}`];
}

/** Runners put the stack below the message: the message ends where frames begin. */
function messageOf(failure: Failure): string {
  const lines = plainText(failure.message).split('\n');
  const frames = lines.findIndex((line, index) => index > 0 && FRAME.test(line));
  return (frames < 0 ? lines : lines.slice(0, frames)).join('\n').trim();
}

function textBlock(text: string, linesMax: number, columns: number, paint: (line: string) => string, theme: Theme): string[] {
  const lines = text.split('\n').flatMap((line) => wrap(line, columns - 4));
  const shown = lines.slice(0, linesMax).map((line) => (line === '' ? '' : `    ${paint(line)}`));
  return lines.length <= linesMax ? shown : [...shown, `    ${theme.dim(`… ${lines.length - linesMax} more lines`)}`];
}

function diffLines(failure: Failure, columns: number, theme: Theme): string[] {
  if (failure.diff === undefined) return [];
  const lines = plainText(failure.diff)
    .replace(/^\n+|\s+$/g, '')
    .split('\n');
  const shown = lines.slice(0, DIFF_LINES_MAX).map((line) => {
    const paint = line.startsWith('+') ? theme.good : line.startsWith('-') ? theme.bad : theme.dim;
    return line === '' ? '' : `    ${paint(cutEnd(line, columns - 4))}`;
  });
  const cut = lines.length - DIFF_LINES_MAX;
  return ['', ...shown, ...(cut > 0 ? [`    ${theme.dim(`… ${cut} more lines`)}`] : [])];
}

function codeFrame(location: Location, readLines: ReadLines, columns: number, theme: Theme): string[] {
  const from = Math.max(1, location.line - 2);
  const lines = readLines(location.file, from, location.line + 2);
  if (lines === undefined || lines.length <= location.line - from) return [];
  const gutter = String(from + lines.length - 1).length;
  return lines.flatMap((text, index) => {
    const number = from + index;
    const here = number === location.line;
    const code = cutEnd(plainText(text).replaceAll('\n', ' '), columns - gutter - 9);
    const label = `${here ? theme.bad('>') : ' '} ${theme.dim(`${padStart(String(number), gutter)} ${theme.glyphs.bar}`)}`;
    const line = `    ${label} ${here ? code : theme.dim(code)}`.trimEnd();
    if (!here || location.column === undefined) return [line];
    const caret = columnsOf(plainText(text.slice(0, location.column - 1)));
    if (caret > columns - gutter - 10) return [line];
    return [line, `      ${' '.repeat(gutter)} ${theme.dim(theme.glyphs.bar)} ${' '.repeat(caret)}${theme.bad('^')}`];
  });
}

const spaced = (lines: readonly string[]): string[] => (lines.length > 0 ? ['', ...lines] : []);

/** The frames that are the user's own, a few. */
function stackLines({ failure, location }: ShownFailure, columns: number, theme: Theme): string[] {
  const frames = plainText(failure.stack ?? '')
    .split('\n')
    .filter((line) => FRAME.test(line) && !FOREIGN.test(line))
    .map((line) => line.trim());
  // The frame of the title alone says nothing new.
  if (frames.length === 0 || (frames.length === 1 && location !== undefined)) return [];
  return ['', ...frames.slice(0, FRAMES_MAX).flatMap((frame) => wrap(frame, columns - 4).map((line) => `    ${theme.dim(line)}`))];
}

const FRAME = /^ {0,16}at \S/;
const FOREIGN = /node_modules|\(?node:|<anonymous>$/;
const MESSAGE_LINES_MAX = 24;
const DIFF_LINES_MAX = 40;
const FRAMES_MAX = 5;
