/** Follows a run to its end: folds its events, feeds the reporters, and turns the whole into files and an exit code. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Client, WatchNotice } from '@holdfast/client';
import type { CodedError } from '@holdfast/kernel';
import { nodeClock } from '@holdfast/kernel/node';
import type { RunId } from '@holdfast/model';
import { createRunFold, type Reporter, type RunEvent, type RunFold, type Verdict, verdict } from '@holdfast/results';
import { createReadLines, writeJsonReport } from '@holdfast/results/files';
import { combineReporters, createReporter, processOut, type ReporterKind } from '@holdfast/results/reporters';
import { EXIT, explainError, usageError } from '../exit.ts';

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
  /** Nobody works on the run: what is recorded is told, and its end is not waited for. */
  readonly replay?: boolean;
  /** Aborted when the run was interrupted: what is known by then is the end. */
  readonly signal: AbortSignal;
  /** Rejects when the run cannot go on: what is known by then is the end, and its error is told. Absent: it never breaks. */
  readonly broken?: Promise<never>;
  /** Ends what still belongs to the suite, called once after its last test, unless that was cut short; resolves with what failed in that, a sentence each. */
  readonly takeDown?: () => Promise<readonly string[]>;
  /** No test at all is a success. */
  readonly passWithNoTests: boolean;
  /** One line for people. */
  readonly say: (line: string) => void;
}

export interface Followed {
  readonly fold: RunFold;
  readonly verdict: Verdict;
  /** Of the verdict, or of what broke the run. */
  readonly exitCode: number;
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
  const breakage = new AbortController();
  options.broken?.catch((error: unknown) => breakage.abort(error));
  try {
    if (options.replay) await client.replay(id, take);
    else {
      await client.watchRun(id, {
        onEvent: take,
        onNotice: tellCuts(options.say),
        signal: AbortSignal.any([options.signal, breakage.signal]),
      });
    }
  } catch (error) {
    if (!options.signal.aborted && !breakage.signal.aborted) throw error;
    if (!breakage.signal.aborted) {
      const run = await client.run(id);
      take({ e: 'run', state: run.state, counts: run.counts });
    }
  }
  fold.close(nodeClock.mono());
  const brokeDown = breakage.signal.aborted;
  const teardownErrors = brokeDown || options.signal.aborted ? [] : ((await options.takeDown?.()) ?? []);
  const ending = {
    verdict: verdict(fold, { brokeDown, teardownErrors, passWithNoTests: options.passWithNoTests }),
    wallMs: fold.wallMs(nodeClock.mono()),
    run: { id, name: options.title, command: options.command, startedAt: options.startedAt },
  };
  mkdirSync(options.folder, { recursive: true });
  const report = join(options.folder, 'report.json');
  await writeJsonReport(report, fold, ending);
  await reporter.end(fold, ending);
  for (const error of teardownErrors) options.say(`holdfast: the suite's global teardown failed: ${error}`);
  if (brokeDown) options.say(explainError(breakage.signal.reason));
  return { fold, verdict: ending.verdict, exitCode: exitCodeAfter(ending.verdict, breakage.signal), report };
}

/** A store in doubt (75, 78) outranks what the tests say. */
function exitCodeAfter({ exitCode }: Verdict, breakage: AbortSignal): number {
  const own = (breakage.reason as Partial<CodedError> | undefined)?.details?.['exitCode'];
  return typeof own === 'number' && own > EXIT.nothingToRun ? own : exitCode;
}

/** Tells once that the coordinator cannot be reached, and once that it can be again. */
function tellCuts(say: (line: string) => void): (notice: WatchNotice) => void {
  let cut = false;
  return (notice) => {
    if (notice.kind === 'disconnected' && !cut) say('holdfast: lost the coordinator; what runs goes on, trying to reach it again');
    if (notice.kind === 'connected' && cut) say('holdfast: reached the coordinator again');
    cut = notice.kind === 'disconnected';
  };
}

const KINDS: ReadonlySet<string> = new Set(['auto', 'pretty', 'ci', 'json', 'junit']);
