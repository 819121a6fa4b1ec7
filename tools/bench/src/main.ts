#!/usr/bin/env node
/**
 * `pnpm --silent bench NAME --json`: one measurement, one JSON object on standard output. Words for people go to standard error.
 * Exit codes: 0 measured, 1 it failed, 2 usage.
 */
import { parseArgs } from 'node:util';
import { cleanUp } from './cleanup.ts';
import { RUNNER_NAMES } from './runners.ts';
import { type BenchReport, describeReport } from './report.ts';

export interface BenchOptions {
  /** Undefined: what the bench takes by default. */
  readonly repetitions: number | undefined;
  /** Undefined: the bench's own size. */
  readonly size: number | undefined;
  /** Of `growth`: how long. Undefined: 30. */
  readonly minutes?: number | undefined;
  /** Of `dispatch`: without peers. */
  readonly alone?: boolean | undefined;
  /** Of `overhead`: another runner than vitest. */
  readonly runner?: string | undefined;
  /** One line of progress, for people. */
  readonly say: (line: string) => void;
}

type Bench = (options: BenchOptions) => Promise<BenchReport>;

/** Name, what it measures, what `--size` means, how to load it. */
const BENCHES: Readonly<Record<string, readonly [about: string, size: string, load: () => Promise<Bench>]>> = {
  overhead: [
    'what `holdfast run -- npx vitest run` adds to the faster of two plain vitest runs, cold',
    'seconds of work in the suite, default 44',
    async () => {
      const [{ benchOverhead }, { benchRunner }] = await Promise.all([import('./overhead.ts'), import('./overhead-runner.ts')]);
      return (options) => (options.runner === undefined ? benchOverhead(options) : benchRunner(options.runner, options));
    },
  ],
  dispatch: [
    'tasks that do nothing, submitted over HTTP, run by one worker and recorded durably',
    'tasks, default 20000',
    async () => (await import('./dispatch.ts')).benchDispatch,
  ],
  store: [
    'the committer beside raw SQLite, and the event loop of its owner under load',
    'commits of one row, default 2000',
    async () => (await import('./store.ts')).benchStore,
  ],
  claim: [
    'starting on, holding and claiming from a long queue',
    'tasks, default 1000000',
    async () => (await import('./claim.ts')).benchClaim,
  ],
  checkpoint: [
    'durable checkpoints of 4 KiB from 64 tasks',
    'checkpoints, default 20000',
    async () => (await import('./checkpoint.ts')).benchCheckpoint,
  ],
  growth: [
    'growth of the memory of a coordinator under steady load, by --minutes, default 30',
    'not used',
    async () => (await import('./growth.ts')).benchGrowth,
  ],
  queued: ['memory of a coordinator whose queue is long', 'tasks, default 100000', async () => (await import('./queued.ts')).benchQueued],
  session: [
    'messages through a session beside the same messages over plain ws, both directions',
    'messages of a round, default 100000',
    async () => (await import('./session.ts')).benchSession,
  ],
  storm: [
    'thousands of sessions: idle, after the death of their server, after a cut of every link, beside socket.io',
    'sessions, default 5000',
    async () => (await import('./storm.ts')).benchStorm,
  ],
};

const USAGE = `Usage: pnpm --silent bench NAME [--json] [--repetitions N] [--size N] [--minutes N] [--alone] [--runner NAME]

${Object.entries(BENCHES)
  .map(([name, [about, size]]) => `  ${name.padEnd(10)}${about}\n${' '.repeat(12)}--size: ${size}`)
  .join('\n')}

overhead --runner: one of ${RUNNER_NAMES.join(', ')}.
--minutes is for growth; --alone leaves the peers of dispatch out.
Without --json a table is printed. Build first: the built programs are measured.`;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(): Promise<number> {
  const read = readArguments();
  if (typeof read === 'number') return read;
  const { bench, json, ...options } = read;
  process.on('exit', cleanUp);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(signal === 'SIGINT' ? 130 : 143));
  const report = await (await BENCHES[bench]![2]())({ ...options, say });
  process.stdout.write(`${json ? JSON.stringify(report) : describeReport(report)}\n`);
  return 0;
}

/** What was asked for, or the exit code. */
function readArguments(): (Omit<BenchOptions, 'say'> & { readonly bench: string; readonly json: boolean }) | number {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        help: { type: 'boolean' },
        repetitions: { type: 'string' },
        size: { type: 'string' },
        minutes: { type: 'string' },
        alone: { type: 'boolean' },
        runner: { type: 'string' },
      },
    });
  } catch (error) {
    say(`bench: ${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  const { values, positionals } = parsed;
  if (values.help === true) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const [bench = '', ...rest] = positionals;
  const numbers = [values.repetitions, values.size, values.minutes].map((text) => (text === undefined ? undefined : Number(text)));
  if (values.runner !== undefined && (bench !== 'overhead' || !RUNNER_NAMES.includes(values.runner))) {
    say(`bench: --runner belongs to overhead and is one of ${RUNNER_NAMES.join(', ')}\n\n${USAGE}`);
    return 2;
  }
  const wrongNumber = numbers.some((number) => number !== undefined && !(Number.isInteger(number) && number > 0));
  if (!Object.hasOwn(BENCHES, bench) || rest.length > 0 || wrongNumber) {
    const problem = wrongNumber
      ? '--repetitions, --size and --minutes are whole numbers above 0'
      : bench === ''
        ? 'a name is missing'
        : `unknown bench ${[bench, ...rest].join(' ')}`;
    say(`bench: ${problem}; the benches are ${Object.keys(BENCHES).join(', ')}\n\n${USAGE}`);
    return 2;
  }
  return {
    bench,
    json: values.json === true,
    repetitions: numbers[0],
    size: numbers[1],
    minutes: numbers[2],
    alone: values.alone === true,
    runner: values.runner,
  };
}

process.exitCode = await main().catch((error: unknown) => {
  say(`bench: ${(error as Error)?.stack ?? String(error)}`);
  return 1;
});
