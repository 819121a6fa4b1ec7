/**
 * What `holdfast run -- RUNNER` costs beside the faster of the plain command and its own parallel setting, and whether it
 * tells as many tests as the runner itself does. The settings take turns, so that a machine that gets slower does so for all.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { owned, temporaryFolder } from './cleanup.ts';
import { machineConditions } from './conditions.ts';
import type { BenchOptions } from './main.ts';
import { PROGRAM, RUNNERS, VITEST } from './places.ts';
import { type BenchReport, figureOf, quantile } from './report.ts';
import { BENCHED, type BenchedRunner } from './runners.ts';
import { plainEnv } from './servers.ts';
import { planFiles } from './suite.ts';

interface Sample {
  readonly wallMs: number;
  /** Tests that the run tells of, in its own words or in its report. */
  readonly cases: number;
}

/** `name` is one of `RUNNER_NAMES`. */
export async function benchRunner(name: string, { repetitions = 3, size = 30, say }: BenchOptions): Promise<BenchReport> {
  const runner = BENCHED[name]!;
  const folder = join(temporaryFolder(), 'suite');
  const files = writeRunnerSuite(folder, runner, size);
  const samples: Record<string, Sample[]> = {};
  const loads: number[] = [];
  const settings = {
    plain: runner.plain,
    ...(runner.parallel ? { plainAllCores: runner.parallel } : {}),
    holdfast: [process.execPath, PROGRAM, 'run', '--out', join(folder, '../out'), '--', ...runner.typed],
  };
  for (let repetition = 0; repetition <= repetitions; repetition += 1) {
    loads.push(loadavg()[0]!);
    for (const [setting, argv] of Object.entries(settings)) {
      const sample = await runOnce(folder, setting, argv, runner, say);
      say(`${repetition}/${repetitions} ${name} ${setting}: ${Math.round(sample.wallMs)} ms, ${sample.cases} tests`);
      // The first turn warms caches of files and of compiled code, and gives holdfast its history.
      if (repetition > 0) (samples[setting] ??= []).push(sample);
    }
  }
  const wall = (setting: string): number[] => samples[setting]!.map(({ wallMs }) => wallMs);
  const middle = (values: readonly number[]): number =>
    quantile(
      values.toSorted((a, b) => a - b),
      0.5,
    );
  const plain = Object.keys(samples)
    .filter((setting) => setting !== 'holdfast')
    .toSorted((a, b) => middle(wall(a)) - middle(wall(b)))[0]!;
  const seconds = (setting: string) =>
    figureOf(
      wall(setting).map((ms) => ms / 1000),
      's',
    );
  return {
    name: 'overhead',
    conditions: {
      ...machineConditions(),
      runner: name,
      sizes: { files, workSeconds: size },
      repetitions,
      loadDuring: loads,
      comparedWith: `${plain}: the faster of the plain settings by median`,
    },
    figures: {
      wall_ratio: figureOf(
        wall('holdfast').map((ms, index) => ms / wall(plain)[index]!),
        'ratio',
      ),
      lost_or_extra_cases: figureOf(
        samples['holdfast']!.map(({ cases }, index) => Math.abs(cases - samples[plain]![index]!.cases)),
        'cases',
      ),
      plain_s: seconds('plain'),
      ...(runner.parallel ? { plain_all_cores_s: seconds('plainAllCores') } : {}),
      holdfast_s: seconds('holdfast'),
    },
    notMeasured: runner.parallel ? [] : ['plain_all_cores_s: the runner has no parallel setting of its own'],
  };
}

/** How many files it wrote. */
export function writeRunnerSuite(folder: string, runner: BenchedRunner, seconds: number): number {
  mkdirSync(join(folder, 'test'), { recursive: true });
  for (const name of runner.packages) {
    const place = join(folder, 'node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(name === 'vitest' ? VITEST : join(RUNNERS, name), place, 'dir');
  }
  for (const [path, text] of Object.entries(runner.others)) writeFileSync(join(folder, path), text);
  const files = planFiles(seconds);
  for (const file of files) writeFileSync(join(folder, runner.path(file)), runner.text(file));
  return files.length;
}

async function runOnce(
  folder: string,
  setting: string,
  argv: readonly string[],
  runner: BenchedRunner,
  say: (line: string) => void,
): Promise<Sample> {
  const out = join(folder, '../out');
  rmSync(out, { recursive: true, force: true });
  const [file = '', ...args] = argv.map((word) => (word === 'node' && setting !== 'holdfast' ? process.execPath : word));
  const from = performance.now();
  const child = owned(spawn(file, args, { cwd: folder, env: plainEnv(), stdio: ['ignore', 'pipe', 'pipe'] }));
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-65_536)));
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const wallMs = performance.now() - from;
  if (code !== 0) {
    say(said);
    throw new Error(`${setting} ended with exit code ${code}`);
  }
  if (setting === 'holdfast') {
    const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as { files: { cases: unknown[] }[] };
    return { wallMs, cases: report.files.reduce((sum, { cases }) => sum + cases.length, 0) };
  }
  const total = runner.total.exec(stripVTControlCharacters(said))?.[1];
  if (total === undefined) throw new Error(`${setting} does not say how many tests it ran:\n${said.slice(-2000)}`);
  return { wallMs, cases: Number(total) };
}
