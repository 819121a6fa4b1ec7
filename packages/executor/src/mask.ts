/**
 * Masks secrets in a stream of text.
 *
 * K1 No character of an occurrence leaves, wherever the chunks are cut.
 * K2 What is held back is shorter than the longest pattern, and only if it could become one.
 * K3 Occurrences may overlap: the union is masked.
 *
 * Known forms: plain, each long line of it, base64 (all three alignments) and base64url, URL-encoded, JSON-escaped.
 * Any other transformation is not found.
 */

export interface Masker {
  /** Text that may leave now. */
  push(text: string): string;
  /** What was held back, at the end of the stream. More than 3 characters that begin a secret are masked. */
  flush(): string;
  /** Text was lost before the next chunk: what could be the rest of a secret is lost with it. */
  resync(): void;
}

/** Makes a masker of one stream; `lost` hears of text that `resync` cost. Without values it costs nothing. */
export function createMasker(patterns: readonly Pattern[], lost: (text: string) => void): Masker {
  if (patterns.length === 0) return { push: (text) => text, flush: () => '', resync: () => undefined };
  const longest = Math.max(...patterns.map(({ text }) => text.length));
  let held = '';
  /** So many characters at the start of what comes next are covered already, the first `skipped` of them without a mask. */
  let covered = 0;
  let skipped = 0;

  const release = (all: string, hold: number): string => {
    const { text, covered: rest } = cover(all, hold, covered, patterns);
    const gone = Math.min(skipped, hold);
    if (gone > 0) lost(all.slice(0, gone));
    skipped -= gone;
    covered = Math.max(rest, skipped);
    held = all.slice(hold);
    return text;
  };
  return {
    push(text) {
      const all = held + text;
      return release(all, all.length - Math.max(...patterns.map((pattern) => overlap(all, pattern))));
    },
    flush() {
      const open = held.length - covered;
      const text = release(held, held.length);
      return open > PREFIX_SHOWN_MAX ? MASK : text;
    },
    resync() {
      lost(held.slice(Math.max(0, covered - skipped)));
      held = '';
      covered = longest - 1;
      skipped = covered;
    },
  };
}

/** Masks a whole text at once. */
export function maskText(text: string, patterns: readonly Pattern[]): string {
  return patterns.length === 0 ? text : cover(text, text.length, 0, patterns).text;
}

/** One form of a secret, made by `maskPatterns`. */
export interface Pattern {
  readonly text: string;
  /** Knuth-Morris-Pratt: length of the longest border of each prefix. */
  readonly borders: Uint32Array;
}

/** Lets `all` through up to `end`, with each occurrence replaced; `covered` leading characters were replaced before. */
function cover(all: string, end: number, covered: number, patterns: readonly Pattern[]): { text: string; covered: number } {
  const intervals: [from: number, to: number][] = [];
  for (const { text } of patterns) {
    for (let at = all.indexOf(text); at >= 0; at = all.indexOf(text, at + 1)) intervals.push([at, at + text.length]);
  }
  intervals.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  let out = '';
  let done = covered;
  for (const [from, to] of intervals) {
    if (from >= end) break;
    if (from >= done) out += all.slice(done, from) + MASK;
    done = Math.max(done, to);
  }
  if (done < end) out += all.slice(done, end);
  return { text: out, covered: Math.max(0, done - end) };
}

/** Length of the longest proper prefix of the pattern at the end of `text`. */
function overlap(text: string, { text: pattern, borders }: Pattern): number {
  let length = 0;
  for (let index = Math.max(0, text.length - pattern.length + 1); index < text.length; index += 1) {
    while (length > 0 && text[index] !== pattern[length]) length = borders[length - 1] ?? 0;
    if (text[index] === pattern[length]) length += 1;
  }
  return length;
}

function bordersOf(text: string): Uint32Array {
  const borders = new Uint32Array(text.length);
  let length = 0;
  for (let index = 1; index < text.length; index += 1) {
    while (length > 0 && text[index] !== text[length]) length = borders[length - 1] ?? 0;
    if (text[index] === text[length]) length += 1;
    borders[index] = length;
  }
  return borders;
}

/** All forms of the given values that are masked. */
export function maskPatterns(values: readonly string[]): Pattern[] {
  const texts = new Set<string>();
  for (const value of values) {
    if (value === '') continue;
    const lines = value.split(/\r?\n/).filter((line) => line.length >= LINE_LENGTH_MIN);
    for (const plain of [value, ...lines]) {
      texts.add(plain);
      texts.add(JSON.stringify(plain).slice(1, -1));
      texts.add(encodeURIComponent(plain.toWellFormed()));
      texts.add(new URLSearchParams([['', plain]]).toString().slice(1));
    }
    for (const encoded of base64Forms(value)) texts.add(encoded);
  }
  return [...texts].filter((text) => text !== '').map((text) => ({ text, borders: bordersOf(text) }));
}

/** The characters of base64 that depend on the value alone, at each alignment inside a longer text. */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value);
  if (bytes.length < BASE64_BYTES_MIN) return [];
  const forms = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    const tail = (shift + bytes.length) % 3;
    const cut = text.replace(/=+$/, '');
    return cut.slice(shift === 0 ? 0 : shift + 1, tail === 0 ? undefined : -1);
  });
  return forms.flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]);
}

const MASK = '***';
const PREFIX_SHOWN_MAX = 3;
const LINE_LENGTH_MIN = 8;
const BASE64_BYTES_MIN = 4;
