/** How wide texts are on a terminal, and how to make them fit. Texts are plain, or carry colours (`\x1b[…m`) of our own. */

/** Columns that `text` takes. */
export function columnsOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  const bare = text.replace(COLOURS, '');
  if (ASCII.test(bare)) return bare.length;
  let columns = 0;
  for (const { segment } of GRAPHEMES.segment(bare)) columns += clusterColumns(segment);
  return columns;
}

/** `text` cut to at most `columns` with `…` as its last column. Colours are kept and closed. */
export function cutEnd(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  if (columns < 1) return '';
  let used = 0;
  let kept = '';
  let coloured = false;
  for (const part of text.split(COLOUR_OR_NOT)) {
    if (part.startsWith('\u001b')) {
      kept += part;
      coloured = true;
      continue;
    }
    for (const { segment } of GRAPHEMES.segment(part)) {
      const width = clusterColumns(segment);
      if (used + width > columns - 1) return `${kept}…${coloured ? '\u001b[0m' : ''}`;
      used += width;
      kept += segment;
    }
  }
  return kept;
}

/** Plain `text` cut at its start: the end of a path says more than its start. */
export function cutStart(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  if (columns < 1) return '';
  const clusters = [...GRAPHEMES.segment(text)].map(({ segment }) => segment);
  let used = 0;
  let kept = '';
  for (const segment of clusters.reverse()) {
    used += clusterColumns(segment);
    if (used > columns - 1) break;
    kept = segment + kept;
  }
  return `…${kept}`;
}

/** `text` with spaces after it up to `columns`. */
export const padEnd = (text: string, columns: number): string => text + ' '.repeat(Math.max(0, columns - columnsOf(text)));
/** `text` with spaces before it up to `columns`. */
export const padStart = (text: string, columns: number): string => ' '.repeat(Math.max(0, columns - columnsOf(text))) + text;

/** Breaks a plain line into lines of at most `columns`, at spaces where there are any. */
export function wrap(line: string, columns: number): string[] {
  if (columnsOf(line) <= columns) return [line];
  const lines: string[] = [];
  let current = '';
  let used = 0;
  for (const { segment } of GRAPHEMES.segment(line)) {
    const width = clusterColumns(segment);
    if (used + width > columns && current !== '') {
      const space = current.lastIndexOf(' ');
      const breaks = space > columns / 2;
      lines.push(breaks ? current.slice(0, space) : current);
      current = breaks ? current.slice(space + 1) : '';
      used = columnsOf(current);
    }
    current += segment;
    used += width;
  }
  return current === '' ? lines : [...lines, current];
}

function clusterColumns(cluster: string): number {
  const code = cluster.codePointAt(0)!;
  if (code < 0x300) return 1;
  if (ZERO_WIDTH.test(cluster)) return 0;
  if (EMOJI.test(cluster) || cluster.includes('\ufe0f')) return 2;
  return WIDE.some(([from, to]) => code >= from && code <= to) ? 2 : 1;
}

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' });
/* oxlint-disable no-control-regex -- colours begin with one */
const COLOUR_OR_NOT = /(\x1b\[[0-9;]*m)/;
const ASCII = /^[\x20-\x7e]*$/;
const COLOURS = /\x1b\[[0-9;]*m/g;
const EMOJI = /^\p{Emoji_Presentation}/u;
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
/** East Asian wide and full width, in blocks. Source: Unicode EastAsianWidth. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1b000, 0x1b2ff],
  [0x20000, 0x3fffd],
];
