/**
 * What `holdfast run -- npx vitest run` costs beside plain vitest, on the same suite and machine.
 *
 * The settings take turns within each repetition, so that a machine that gets slower gets slower for all. Each run is cold:
 * no cache of vitest, and no history of holdfast but for the run that is there to have one.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { owned, temporaryFolder } from './cleanup.ts';
import { machineConditions } from './conditions.ts';
import type { BenchOptions } from './main.ts';
import { PROGRAM } from './places.ts';
import { type BenchReport, figureOf, quantile } from './report.ts';
import { plainEnv } from './servers.ts';
import { type Suite, writeSuite } from './suite.ts';

interface Setting {
  readonly name: string;
  readonly argv: readonly string[];
  /** Whether what holdfast remembers of the last run stays. */
  readonly remembers: boolean;
}

interface Sample {
  readonly wallMs: number;
  /** From the start of the command to the first test. */
  readonly firstTestMs: number;
  /** From the end of the last test to the end of the command. */
  readonly closingMs: number;
}

export async function benchOverhead({ repetitions = 4, size = 44, say }: BenchOptions): Promise<BenchReport> {
  const conditions = machineConditions();
  const folder = temporaryFolder();
  const suite = writeSuite(join(folder, 'suite'), size);
  const settings = settingsOf(suite);
  const samples = new Map<string, Sample[]>(settings.map(({ name }) => [name, []]));
  const loads: number[] = [];
  // Compiled code and file caches of both are warm after this: what is measured is a cold run, not a first installation.
  for (const setting of settings) await runOnce(suite, setting, join(folder, 'marks'), say, ['test/parser-0.test.ts']);
  for (let repetition = 1; repetition <= repetitions; repetition += 1) {
    loads.push(loadavg()[0]!);
    for (const setting of settings) {
      const sample = await runOnce(suite, setting, join(folder, 'marks'), say);
      samples.get(setting.name)!.push(sample);
      const [wall, first, closing] = [sample.wallMs, sample.firstTestMs, sample.closingMs].map(Math.round);
      say(`${repetition}/${repetitions} ${setting.name}: ${wall} ms, first test after ${first} ms, closing ${closing} ms`);
    }
  }
  const medianWall = (name: string): number => middle(samples.get(name)!.map((sample) => sample.wallMs));
  const plain = ['plain', 'plainAllCores'].toSorted((a, b) => medianWall(a) - medianWall(b))[0]!;
  return {
    name: 'overhead',
    conditions: {
      ...conditions,
      sizes: { files: suite.files, tests: suite.tests, workSeconds: size, computingShare: suite.computing },
      repetitions,
      loadDuring: loads,
      settings: Object.fromEntries(
        settings.map(({ name, argv }) => [name, argv.map((word) => word.replace(process.execPath, 'node')).join(' ')]),
      ),
      comparedWith: `${plain}: the faster of the two plain settings by median; without npx, which would cost the plain command a start of npm`,
      cold: 'a new process each time, without the cache of vitest and without history, except second, which has the history of the run before; compiled code of holdfast is in the cache of Node',
    },
    figures: figuresOf(samples, plain),
    notMeasured: [],
  };
}

function settingsOf({ folder }: Suite): readonly Setting[] {
  const vitest = [process.execPath, join(folder, 'node_modules/vitest/vitest.mjs'), 'run'];
  const holdfast = [process.execPath, PROGRAM, 'run', '--', 'npx', 'vitest', 'run'];
  return [
    { name: 'plain', argv: vitest, remembers: false },
    { name: 'plainAllCores', argv: [...vitest, `--maxWorkers=${availableParallelism()}`], remembers: false },
    { name: 'holdfast', argv: holdfast, remembers: false },
    { name: 'holdfastSecond', argv: holdfast, remembers: true },
  ];
}

async function runOnce(
  suite: Suite,
  setting: Setting,
  marks: string,
  say: (line: string) => void,
  filter: readonly string[] = [],
): Promise<Sample> {
  rmSync(marks, { force: true });
  for (const cache of ['.vite', '.vite-temp', ...(setting.remembers ? [] : ['.cache'])]) {
    rmSync(join(suite.folder, 'node_modules', cache), { recursive: true, force: true });
  }
  const [file = '', ...args] = [...setting.argv, ...filter];
  const from = performance.timeOrigin + performance.now();
  const child = owned(
    spawn(file, args, { cwd: suite.folder, env: { ...plainEnv(), BENCH_MARKS: marks }, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-8192)));
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('exit', resolve));
  const to = performance.timeOrigin + performance.now();
  if (code !== 0) {
    say(said);
    throw new Error(`${setting.name} ended with exit code ${code}`);
  }
  return { wallMs: to - from, ...markedTimes(marks, from, to, filter.length > 0 ? 1 : suite.files) };
}

/** Every file must have begun and ended: a run that left something out would be fast. */
function markedTimes(path: string, from: number, to: number, files: number): Omit<Sample, 'wallMs'> {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  const times = (kind: string): number[] =>
    lines.filter((line) => line.startsWith(`${kind} `)).map((line) => Number(line.slice(kind.length + 1)));
  const [first, last] = [times('first'), times('last')];
  if (first.length !== files || last.length !== files) throw new Error(`${first.length} files began and ${last.length} ended of ${files}`);
  return { firstTestMs: Math.min(...first) - from, closingMs: to - Math.max(...last) };
}

function figuresOf(samples: ReadonlyMap<string, readonly Sample[]>, plain: string): BenchReport['figures'] {
  const base = samples.get(plain)!;
  const [run, second] = [samples.get('holdfast')!, samples.get('holdfastSecond')!];
  const paired = (ours: readonly Sample[], value: (sample: Sample, base: Sample) => number): number[] =>
    ours.map((sample, index) => value(sample, base[index]!));
  const seconds = (name: string) =>
    figureOf(
      samples.get(name)!.map((sample) => sample.wallMs / 1000),
      's',
    );
  return {
    wall_ratio: figureOf(
      paired(run, (ours, theirs) => ours.wallMs / theirs.wallMs),
      'ratio',
    ),
    second_run_ratio: figureOf(
      paired(second, (ours, theirs) => ours.wallMs / theirs.wallMs),
      'ratio',
    ),
    first_test_extra_ms: figureOf(
      paired(run, (ours, theirs) => ours.firstTestMs - theirs.firstTestMs),
      'ms',
    ),
    closing_extra_ms: figureOf(
      paired(run, (ours, theirs) => ours.closingMs - theirs.closingMs),
      'ms',
    ),
    first_test_ms: figureOf(
      run.map((sample) => sample.firstTestMs),
      'ms',
    ),
    closing_ms: figureOf(
      run.map((sample) => sample.closingMs),
      'ms',
    ),
    plain_s: seconds('plain'),
    plain_all_cores_s: seconds('plainAllCores'),
    holdfast_s: seconds('holdfast'),
    second_s: seconds('holdfastSecond'),
  };
}

const middle = (values: readonly number[]): number =>
  quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
