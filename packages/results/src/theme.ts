/** Colours and glyphs of the reporters. Without colour every line still says the same: glyphs and words carry it. */

export interface Theme {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly accent: Paint;
  readonly glyphs: Glyphs;
}
export type Paint = (text: string) => string;

export interface Glyphs {
  readonly passed: string;
  readonly failed: string;
  readonly flaky: string;
  readonly lost: string;
  readonly dot: string;
  readonly arrow: string;
  readonly bar: string;
  readonly full: string;
  readonly tip: string;
  readonly empty: string;
}

export interface ThemeOptions {
  readonly colours: boolean;
  /** False: ASCII only, for terminals without UTF-8. */
  readonly unicode: boolean;
}

export function createTheme({ colours, unicode }: ThemeOptions): Theme {
  const paint = (open: number, close: number): Paint => (colours ? (text) => `\u001b[${open}m${text}\u001b[${close}m` : (text) => text);
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    good: paint(32, 39),
    bad: paint(31, 39),
    warn: paint(33, 39),
    accent: paint(36, 39),
    glyphs: unicode ? UNICODE : ASCII,
  };
}

/** What of the environment decides about colours and glyphs. */
export interface TerminalFacts {
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * FORCE_COLOR (anything but `0` and `false`) beats NO_COLOR (anything but empty), which beats the terminal; a `dumb`
 * terminal has none. Source: no-color.org, force-color.org.
 */
export function coloursWanted({ isTerminal, env }: TerminalFacts): boolean {
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false;
  return isTerminal && env['TERM'] !== 'dumb';
}

/** UTF-8 unless the locale says otherwise: an unset locale is usual in containers and CI, whose logs are UTF-8. */
export function unicodeWanted({ env }: TerminalFacts): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  if (env['TERM'] === 'linux') return false;
  return locale === '' || locale === 'C' || locale === 'POSIX' || /utf-?8/i.test(locale);
}

const UNICODE: Glyphs = {
  passed: '✓',
  failed: '✗',
  flaky: '~',
  lost: '↺',
  dot: '·',
  arrow: '›',
  bar: '│',
  full: '━',
  tip: '╸',
  empty: '─',
};
const ASCII: Glyphs = {
  passed: '+',
  failed: 'x',
  flaky: '~',
  lost: '!',
  dot: '-',
  arrow: '>',
  bar: '|',
  full: '=',
  tip: '>',
  empty: '-',
};
