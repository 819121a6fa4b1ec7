/** Follows a run to its end: folds its events, feeds the reporters, and turns the whole into files and an exit code. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@holdfast/client';
import { nodeClock } from '@holdfast/kernel/node';
import type { RunId } from '@holdfast/model';
import { createRunFold, type Reporter, type RunEvent, type RunFold, type Verdict, verdict } from '@holdfast/results';
import { createReadLines, writeJsonReport } from '@holdfast/results/files';
import { combineReporters, createReporter, processOut, type ReporterKind } from '@holdfast/results/reporters';
import { usageError } from '../exit.ts';

export interface ReportChoice {
  /** Names of `--reporter`; empty: what fits the place. */
  readonly names: readonly string[];
  /** Where report files go. */
  readonly folder: string;
  /** The run's folder: where failures are looked up. */
  readonly cwd: string;
  /** What tests print is shown. */
  readonly logs: 'none' | 'all';
  /** The command that runs only what failed. */
  readonly again: string;
}

export interface FollowOptions {
  readonly client: Client;
  readonly id: RunId;
  readonly title: string;
  readonly command: readonly string[];
  readonly startedAt: string;
  readonly reporter: Reporter;
  readonly folder: string;
  readonly failFast: boolean;
  /** Aborted when the run was interrupted: what is known by then is the end. */
  readonly signal: AbortSignal;
}

export interface Followed {
  readonly fold: RunFold;
  readonly verdict: Verdict;
  readonly report: string;
}

/** The reporters of a run. Errors: `CLI_USAGE` for an unknown name. */
export function createReporters(choice: ReportChoice): Reporter {
  const names = choice.names.length === 0 ? ['auto'] : choice.names;
  for (const name of names) if (!KINDS.has(name)) throw usageError(`use reporter ${name}: known are pretty, json and junit`);
  const people = processOut(process.stderr);
  const junitPath = join(choice.folder, 'junit.xml');
  const reports = [join(choice.folder, 'report.json'), ...(names.includes('junit') ? [junitPath] : [])];
  const options = { again: choice.again, reports, readLines: createReadLines(choice.cwd), logs: choice.logs, junitPath };
  const chosen = names.map((name) => createReporter(name as ReporterKind, options, name === 'json' ? processOut(process.stdout) : people));
  // A report for programs alone would leave people without a word.
  const spoken = names.some((name) => name !== 'junit' && name !== 'json');
  return combineReporters(spoken ? chosen : [...chosen, createReporter('auto', options, people)]);
}

/** Resolves when the run has ended, or when `signal` was aborted and its state is known. */
export async function followRun(options: FollowOptions): Promise<Followed> {
  const { client, id, reporter } = options;
  const fold = createRunFold();
  let cancelling = false;
  const take = (event: RunEvent): void => {
    const folded = fold.apply(event, nodeClock.mono());
    reporter.event(event, folded, fold);
    if (options.failFast && !cancelling && event.e === 'finished' && event.final && event.result.outcome !== 'passed') {
      cancelling = true;
      // The verdict is failed by now, whatever becomes of the rest.
      void client.cancel(id).catch(() => {
        /* ignored: it was over before. */
      });
    }
  };
  try {
    await client.watchRun(id, { onEvent: take, signal: options.signal });
  } catch (error) {
    if (!options.signal.aborted) throw error;
    const run = await client.run(id);
    take({ e: 'run', state: run.state, counts: run.counts });
  }
  fold.close(nodeClock.mono());
  const ending = {
    verdict: verdict(fold),
    wallMs: fold.wallMs(nodeClock.mono()),
    run: { id, name: options.title, command: options.command, startedAt: options.startedAt },
  };
  mkdirSync(options.folder, { recursive: true });
  const report = join(options.folder, 'report.json');
  await writeJsonReport(report, fold, ending);
  await reporter.end(fold, ending);
  return { fold, verdict: ending.verdict, report };
}

const KINDS: ReadonlySet<string> = new Set(['auto', 'pretty', 'ci', 'json', 'junit']);
