/**
 * The reporters of `holdfast run`: what people see while it runs and at its end.
 *
 * `pretty` for a terminal, `ci` for logs, `json` for programs (NDJSON events), `junit` for a file. Ports come in as one
 * `ReporterOut`; `processOut` makes it from a stream of this process.
 */
import type { Clock, DurationMs, Timers } from '@holdfast/kernel';
import { durationMs, formatDuration } from '@holdfast/kernel';
import { nodeClock, nodeTimers } from '@holdfast/kernel/node';
import { wrap } from '../columns.ts';
import type { ReadLines } from '../failure-location.ts';
import { failureLine, failureLines } from '../failure-view.ts';
import type { RunFold } from '../fold.ts';
import { createLiveState, type LiveState } from '../live-state.ts';
import { liveCounts, liveLines } from '../live-view.ts';
import { createLogLines } from '../log-lines.ts';
import { createNewsDesk, type News } from '../news.ts';
import { inertLine } from '../plain-text.ts';
import type { Reporter } from '../reporter.ts';
import { summaryLines } from '../summary-view.ts';
import { coloursWanted, createTheme, type Theme, unicodeWanted } from '../theme.ts';
import { grouped } from '../verdict.ts';
import { writeJunit } from './files.ts';
import { createPainter } from './painter.ts';

/** `auto`: `pretty` on a terminal outside of CI, else `ci`. */
export type ReporterKind = 'auto' | 'pretty' | 'ci' | 'json' | 'junit';

export interface ReporterOptions {
  /** The command that runs only what did not pass: shown in the summary. Default: not shown. */
  readonly again?: string;
  /** Places of reports: shown in the summary. Default: none. */
  readonly reports?: readonly string[];
  /** Code frames. Default: none. */
  readonly readLines?: ReadLines;
  /** What tests print: `none` (default) or every complete line with the name of its task. */
  readonly logs?: 'none' | 'all';
  /** Where `junit` writes. Default `junit.xml` in the current folder. */
  readonly junitPath?: string;
  /** Milliseconds between progress lines of `ci`. Default 10,000. */
  readonly progressEvery?: DurationMs;
}

/** Where a reporter writes and what it knows of that place. */
export interface ReporterOut {
  write(text: string): void;
  /** Current width in columns; 80 where there is none. */
  columns(): number;
  /** Current height; 24 where there is none. */
  rows(): number;
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** A reporter of `kind`. It writes from its first event on; call `end` once. */
export function createReporter(kind: ReporterKind, options: ReporterOptions, out: ReporterOut): Reporter {
  switch (kind) {
    case 'auto':
      return createReporter(out.isTerminal && out.env['CI'] === undefined && out.env['TERM'] !== 'dumb' ? 'pretty' : 'ci', options, out);
    case 'pretty':
      return prettyReporter(options, out);
    case 'ci':
      return ciReporter(options, out);
    case 'json':
      return jsonReporter(out);
    case 'junit':
      return junitReporter(options.junitPath ?? 'junit.xml');
  }
}

/** One reporter that passes everything on to all of `reporters`, in order. */
export function combineReporters(reporters: readonly Reporter[]): Reporter {
  return {
    event(event, folded, fold) {
      for (const reporter of reporters) reporter.event(event, folded, fold);
    },
    async end(fold, ending) {
      for (const reporter of reporters) await reporter.end(fold, ending);
    },
  };
}

/** Writes to a stream of this process, with its real clock and timers. */
export function processOut(stream: NodeJS.WriteStream = process.stdout): ReporterOut {
  return {
    write: (text) => void stream.write(text),
    columns: () => stream.columns || 80,
    rows: () => stream.rows || 24,
    isTerminal: stream.isTTY === true,
    env: process.env,
    clock: nodeClock,
    timers: nodeTimers,
  };
}

function themeOf(out: ReporterOut): Theme {
  return createTheme({ colours: coloursWanted(out), unicode: unicodeWanted(out) });
}

function prettyReporter(options: ReporterOptions, out: ReporterOut): Reporter {
  const theme = themeOf(out);
  const live = createLiveState();
  const desk = createNewsDesk(theme);
  const logs = createLogLines();
  let afterBlock = false;
  let current: RunFold | undefined;
  const painter = createPainter(out, out.timers, () =>
    current === undefined ? [] : liveLines(current, live, { columns: out.columns(), rows: out.rows() }, theme, out.clock.mono()),
  );
  return {
    event(event, folded, fold) {
      current = fold;
      if (event.e === 'log' && options.logs !== 'all') return;
      if (event.e === 'log') painter.print(logs.take(event, fold.file(event.n)?.name).map((line) => logLine(line, theme)));
      const news = desk.take(event, folded, fold, live);
      live.apply(event, out.clock.mono());
      for (const one of news) {
        painter.print([...(afterBlock && one.kind === 'line' ? [''] : []), ...newsLines(one, options, out, theme)]);
        afterBlock = one.kind === 'failure';
      }
      painter.changed();
    },
    end(fold, ending) {
      painter.end();
      out.write(joined(summaryLines(fold, { ...summaryOptions(options, out, theme), ...ending })));
      return Promise.resolve();
    },
  };
}

function ciReporter(options: ReporterOptions, out: ReporterOut): Reporter {
  const theme = themeOf(out);
  const live = createLiveState();
  const desk = createNewsDesk(theme);
  const logs = createLogLines();
  const blocks: News[] = [];
  const every = options.progressEvery ?? PROGRESS_EVERY_MS;
  let current: RunFold | undefined;
  let last = '';
  let cancel: (() => void) | undefined;
  const print = (lines: readonly string[]): void => out.write(joined(lines.map(inertLine)));
  const plan = (): void => {
    cancel = out.timers.set(every, () => {
      if (current !== undefined) {
        const line = progressText(current, live, out, theme);
        if (line !== last) print([line]);
        last = line;
      }
      plan();
    });
  };
  plan();
  return {
    event(event, folded, fold) {
      current = fold;
      if (event.e === 'log' && options.logs === 'all') {
        print(logs.take(event, fold.file(event.n)?.name).map((line) => logLine(line, theme)));
      }
      const news = desk.take(event, folded, fold, live);
      live.apply(event, out.clock.mono());
      for (const one of news) {
        print(one.kind === 'failure' ? [`  ${theme.bad(theme.glyphs.failed)} ${failureLine(one.shown)}`] : lineText(one, theme, Infinity));
        if (one.kind === 'failure' && blocks.length < CI_BLOCKS_MAX) blocks.push(one);
      }
    },
    end(fold, ending) {
      cancel?.();
      print(blocks.flatMap((one) => newsLines(one, options, out, theme)));
      print(summaryLines(fold, { ...summaryOptions(options, out, theme), ...ending }));
      return Promise.resolve();
    },
  };
}

function jsonReporter(out: ReporterOut): Reporter {
  return {
    event: (event) => out.write(`${JSON.stringify(event)}\n`),
    end(fold, ending) {
      const { verdict, wallMs } = ending;
      out.write(`${JSON.stringify({ e: 'verdict', ...verdict, totals: fold.totals(), wallMs })}\n`);
      return Promise.resolve();
    },
  };
}

function junitReporter(path: string): Reporter {
  return {
    event: () => undefined,
    end: (fold, { run, wallMs }) =>
      writeJunit(path, fold, {
        wallMs,
        ...(run.name === undefined ? {} : { name: run.name }),
        ...(run.startedAt === undefined ? {} : { startedAt: run.startedAt }),
      }),
  };
}

function newsLines(news: News, options: ReporterOptions, out: ReporterOut, theme: Theme): string[] {
  if (news.kind === 'line') return lineText(news, theme, out.columns());
  const readLines = options.readLines === undefined ? {} : { readLines: options.readLines };
  return failureLines(news.shown, { columns: Math.min(out.columns(), COLUMNS_MAX), theme, ...readLines });
}

/** A line of news; what does not fit goes on below its text. */
function lineText(news: News & { readonly kind: 'line' }, theme: Theme, columns: number): string[] {
  const { glyphs } = theme;
  const good = news.weight === 'good';
  const glyph = good ? theme.good(glyphs.passed) : theme.warn(news.weight === 'flaky' ? glyphs.flaky : glyphs.lost);
  const lines = wrap(news.text, Math.max(20, columns - 5));
  return lines.map((line, index) => `  ${index === 0 ? glyph : ' '} ${good ? theme.dim(line) : line}`);
}

const logLine = (line: { readonly name: string; readonly text: string }, theme: Theme): string =>
  `  ${theme.dim(`${line.name} ${theme.glyphs.bar}`)} ${line.text}`;

function progressText(fold: RunFold, live: LiveState, out: ReporterOut, theme: Theme): string {
  const { files } = fold.totals();
  const now = out.clock.mono();
  const left = live.leftMs(now);
  const done = files.total - files.pending;
  const running = live.workers().reduce((sum, worker) => sum + worker.running.length, 0);
  const parts = [
    `${grouped(done)}/${grouped(files.total)} files`,
    ...liveCounts(fold.totals(), theme),
    `${running} running`,
    formatDuration(fold.wallMs(now)),
    ...(left === undefined || files.pending === 0 ? [] : [`about ${formatDuration(Math.ceil(left / 1000) * 1000).replace('.0', '')} left`]),
  ];
  return `  ${parts.join(` ${theme.glyphs.dot} `)}`;
}

const summaryOptions = (options: ReporterOptions, out: ReporterOut, theme: Theme) => ({
  theme,
  columns: Math.min(out.columns(), COLUMNS_MAX),
  ...(options.again === undefined ? {} : { again: options.again }),
  ...(options.reports === undefined ? {} : { reports: options.reports }),
});

const joined = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

const COLUMNS_MAX = 140;
const CI_BLOCKS_MAX = 20;
const PROGRESS_EVERY_MS = durationMs(10_000);
