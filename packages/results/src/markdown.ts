/**
 * What a CI service shows beside the log: a summary in Markdown, and annotations of GitHub.
 *
 * K1 Within the limits: GitHub drops a whole summary above 1 MiB, and shows ten errors a step. What does not fit is counted.
 * K2 Texts of tests are inert: no Markdown, no HTML, no workflow command of theirs takes effect.
 */
import { formatDuration } from '@holdfast/kernel';
import { caseTitle, failuresOf, type ShownFailure } from './failure-view.ts';
import type { RunFold } from './fold.ts';
import type { FileVerdict } from './grade.ts';
import { plainLine, plainText } from './plain-text.ts';
import { createTheme } from './theme.ts';
import { grouped, type Verdict } from './verdict.ts';

export interface MarkdownOptions {
  readonly verdict: Verdict;
  readonly wallMs: number;
  /** Default `Tests`. */
  readonly title?: string;
  /** UTF-8 bytes. Default 1,000,000, below GitHub's 1,048,576. */
  readonly bytesMax?: number;
}

/** A summary of at most `bytesMax` bytes: the headline, a table of counts, failures, flaky tests, what is lost or not proven. */
export function markdownSummary(fold: Pick<RunFold, 'files' | 'totals'>, options: MarkdownOptions): string {
  const { files, tests } = fold.totals();
  const { verdict } = options;
  const head = [
    `## ${verdict.exitCode === 0 ? '✅' : verdict.kind === 'failed' ? '❌' : '⚠️'} ${escaped(options.title ?? 'Tests')}: ${escaped(verdict.headline)}\n\n`,
    '| | passed | failed | flaky | skipped | known bad | lost | not proven | total |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n',
    row('Files', { ...files, not_proven: files.not_proven + files.pending }),
    row('Tests', tests),
    `\nTook ${formatDuration(options.wallMs)}; one after another ${formatDuration(fold.totals().summedMs)}.\n`,
  ].join('');
  const budget = createBudget((options.bytesMax ?? 1_000_000) - REST_BYTES);
  budget.add(head);
  for (const file of fold.files()) for (const part of fileParts(file)) budget.add(part);
  return budget.end();
}

/** At most `max` workflow commands of GitHub, one a line, that mark failures in the changed files. Print them to standard output. */
export function githubAnnotations(fold: Pick<RunFold, 'files'>, max = 10): string[] {
  const lines: string[] = [];
  for (const file of fold.files()) {
    for (const shown of failuresOf(file, THEME)) {
      if (lines.length >= max) return lines;
      const { location } = shown;
      const place = location ? `file=${property(location.file)},line=${location.line},` : '';
      lines.push(`::error ${place}title=${property(shown.title)}::${data(plainText(shown.failure.message))}`);
    }
  }
  return lines;
}

function row(label: string, counts: Readonly<Record<(typeof COLUMNS)[number], number>>): string {
  return `| ${label} | ${COLUMNS.map((grade) => grouped(counts[grade])).join(' | ')} |\n`;
}

function fileParts(file: FileVerdict): string[] {
  const reason = escaped(file.reason ?? file.grade);
  const flaky = file.cases.filter(({ grade }) => grade === 'flaky').map((one) => `\n- flaky: ${escaped(caseTitle(one, THEME))}\n`);
  if (file.grade === 'failed') return [...failuresOf(file, THEME).map(details), ...flaky];
  if (file.grade === 'infra_lost') return [`\n- lost: ${escaped(file.name)}: ${reason}\n`];
  if (file.grade === 'not_proven' || file.grade === 'pending') return [`\n- not proven: ${escaped(file.name)}: ${reason}\n`];
  return flaky;
}

function details({ title, failure }: ShownFailure): string {
  const text = plainText([failure.message, ...(failure.diff === undefined ? [] : [failure.diff])].join('\n\n')).slice(0, DETAILS_CHARS_MAX);
  return `\n<details><summary>${escaped(title)}</summary>\n\n<pre>${inert(text).replaceAll('\n', '&#10;')}</pre>\n</details>\n`;
}

interface Budget {
  /** Adds a part whole or not at all. */
  add(part: string): void;
  end(): string;
}

function createBudget(bytesMax: number): Budget {
  let text = '';
  let bytes = 0;
  let dropped = 0;
  return {
    add(part) {
      const size = bytesOf(part);
      if (dropped > 0 || bytes + size > bytesMax) dropped += 1;
      else {
        text += part;
        bytes += size;
      }
    },
    end: () => (dropped === 0 ? text : `${text}\n… and ${grouped(dropped)} more: see the reports.\n`),
  };
}

/** UTF-8 bytes of well-formed text. */
function bytesOf(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    // A surrogate pair is two units and four bytes.
    if (code >= 0x80) bytes += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/** Without Markdown, HTML, mentions or issue links of its own: as entities, which `pre` shows as well as prose. */
const inert = (text: string): string => text.replaceAll(/[&<>\\`*_{}[\]()#+!|~@:]/g, (one) => `&#${one.charCodeAt(0)};`);
const escaped = (text: string): string => inert(plainLine(text));
const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const property = (text: string): string => data(plainLine(text)).replaceAll(':', '%3A').replaceAll(',', '%2C');

const COLUMNS = ['passed', 'failed', 'flaky', 'skipped', 'quarantined', 'infra_lost', 'not_proven', 'total'] as const;
const THEME = createTheme({ colours: false, unicode: true });
const DETAILS_CHARS_MAX = 8000;
const REST_BYTES = 100;
