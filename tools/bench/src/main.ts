#!/usr/bin/env node
/**
 * `pnpm --silent bench NAME --json`: one measurement, one JSON object on standard output. Words for people go to standard error.
 * Exit codes: 0 measured, 1 it failed, 2 usage.
 */
import { parseArgs } from 'node:util';
import { cleanUp } from './cleanup.ts';
import { type BenchReport, describeReport } from './report.ts';

export interface BenchOptions {
  /** Undefined: what the bench takes by default. */
  readonly repetitions: number | undefined;
  /** Undefined: the bench's own size. */
  readonly size: number | undefined;
  /** One line of progress, for people. */
  readonly say: (line: string) => void;
}

type Bench = (options: BenchOptions) => Promise<BenchReport>;

/** Name, what it measures, what `--size` means, how to load it. */
const BENCHES: Readonly<Record<string, readonly [about: string, size: string, load: () => Promise<Bench>]>> = {
  overhead: [
    'what `holdfast run -- npx vitest run` adds to the faster of two plain vitest runs, cold',
    'seconds of work in the suite, default 44',
    async () => (await import('./overhead.ts')).benchOverhead,
  ],
  dispatch: [
    'tasks that do nothing, submitted over HTTP, run by one worker and recorded durably',
    'tasks, default 20000',
    async () => (await import('./dispatch.ts')).benchDispatch,
  ],
  queued: ['memory of a coordinator whose queue is long', 'tasks, default 100000', async () => (await import('./queued.ts')).benchQueued],
};

const USAGE = `Usage: pnpm --silent bench NAME [--json] [--repetitions N] [--size N]

${Object.entries(BENCHES)
  .map(([name, [about, size]]) => `  ${name.padEnd(10)}${about}\n${' '.repeat(12)}--size: ${size}`)
  .join('\n')}

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
      options: { json: { type: 'boolean' }, help: { type: 'boolean' }, repetitions: { type: 'string' }, size: { type: 'string' } },
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
  const numbers = [values.repetitions, values.size].map((text) => (text === undefined ? undefined : Number(text)));
  const wrongNumber = numbers.some((number) => number !== undefined && !(Number.isInteger(number) && number > 0));
  if (!Object.hasOwn(BENCHES, bench) || rest.length > 0 || wrongNumber) {
    const problem = wrongNumber
      ? '--repetitions and --size are whole numbers above 0'
      : bench === ''
        ? 'a name is missing'
        : `unknown bench ${[bench, ...rest].join(' ')}`;
    say(`bench: ${problem}; the benches are ${Object.keys(BENCHES).join(', ')}\n\n${USAGE}`);
    return 2;
  }
  return { bench, json: values.json === true, repetitions: numbers[0], size: numbers[1] };
}

process.exitCode = await main().catch((error: unknown) => {
  say(`bench: ${(error as Error)?.stack ?? String(error)}`);
  return 1;
});
