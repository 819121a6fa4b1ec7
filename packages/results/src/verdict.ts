/**
 * What a run means: one exit code and one headline.
 *
 * Order, strongest first: interrupted, failed, not proven, infrastructure only, nothing ran, passed. See the README.
 */
import type { RunFold, Totals } from './fold.ts';

/** Exit codes of `holdfast run` that a verdict gives. */
export const VERDICT_EXIT_CODES = {
  passed: 0,
  failed: 1,
  infra_lost: 3,
  not_proven: 4,
  nothing_to_run: 5,
  interrupted: 130,
} as const;

export type VerdictKind = keyof typeof VERDICT_EXIT_CODES;

export interface Verdict {
  readonly kind: VerdictKind;
  readonly exitCode: (typeof VERDICT_EXIT_CODES)[VerdictKind];
  /** One line for people, without trailing stop. */
  readonly headline: string;
}

export interface VerdictOptions {
  /** A flaky test fails the run. Default false: it passed in the end, and is shown. */
  readonly failOnFlaky?: boolean;
  /** Nothing to run is a success. Default false: a verdict over zero samples proves nothing. */
  readonly passWithNoTests?: boolean;
  /** The reader itself was interrupted, whatever state it was last told. Default false. */
  readonly interrupted?: boolean;
  /** The machines broke down for good: what has no result is lost with them, not unproven. Default false. */
  readonly brokeDown?: boolean;
  /** Global teardowns that failed, which makes the plain command fail: a sentence each. Default none. */
  readonly teardownErrors?: readonly string[];
}

/** The verdict on a fold. Call it after `ended` or `close`: what is pending counts as not proven. */
export function verdict(fold: Pick<RunFold, 'totals' | 'state'>, options: VerdictOptions = {}): Verdict {
  const totals = fold.totals();
  const kind = kindOf(totals, options.interrupted === true || fold.state === 'interrupted', options);
  return { kind, exitCode: VERDICT_EXIT_CODES[kind], headline: HEADLINES[kind](totals, options) };
}

function kindOf(totals: Totals, interrupted: boolean, options: VerdictOptions): VerdictKind {
  const { files, tests, samples } = totals;
  if (interrupted) return 'interrupted';
  if (files.failed > 0 || tests.failed > 0 || totals.fileErrors > 0) return 'failed';
  if (options.teardownErrors !== undefined && options.teardownErrors.length > 0) return 'failed';
  if (options.failOnFlaky === true && files.flaky + tests.flaky > 0) return 'failed';
  if (options.brokeDown === true) return 'infra_lost';
  if (files.not_proven + files.pending + tests.not_proven > 0) return 'not_proven';
  if (files.infra_lost + tests.infra_lost > 0) return 'infra_lost';
  if (samples === 0) return options.passWithNoTests === true ? 'passed' : 'nothing_to_run';
  return 'passed';
}

/** `1 file`, `2 files`. */
export const counted = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;

/** `1,234,567`: the same in every locale. */
export const grouped = (count: number): string => String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');

const HEADLINES: Readonly<Record<VerdictKind, (totals: Totals, options: VerdictOptions) => string>> = {
  passed: ({ files, tests, samples }) =>
    samples === 0
      ? 'nothing ran, which you allowed'
      : tests.total > 0
        ? `${counted(tests.passed + tests.flaky, 'test')} passed`
        : `${counted(files.total, 'task')} passed`,
  failed: failedHeadline,
  infra_lost: ({ files }, { brokeDown }) => {
    const missing = files.not_proven + files.pending;
    const lost = files.infra_lost + (brokeDown === true ? missing : 0);
    if (lost === 0) return 'no test failed, but the machines broke down before the run was over';
    return `no test failed, but ${counted(lost, 'file')} ${lost === 1 ? 'was lost with its machine' : 'were lost with their machines'}`;
  },
  not_proven: ({ files }) => {
    const missing = files.not_proven + files.pending;
    return `no test failed, but ${counted(missing, 'file')} ${missing === 1 ? 'has' : 'have'} no proven result`;
  },
  nothing_to_run: ({ files, tests }) =>
    files.total === 0
      ? 'nothing to run'
      : tests.skipped > 0
        ? `nothing ran: all ${counted(tests.skipped, 'test')} were skipped`
        : `nothing ran: ${counted(files.total, 'file')} without a test`,
  interrupted: ({ files }) => `interrupted with ${counted(files.pending + files.not_proven, 'file')} to go`,
};

function failedHeadline(totals: Totals, options: VerdictOptions): string {
  const { files, tests } = totals;
  if (tests.failed > 0) return `${counted(tests.failed, 'test')} failed in ${counted(files.failed, 'file')}`;
  if (files.failed > 0) return `${counted(files.failed, 'file')} failed outside of any test`;
  if (totals.fileErrors === 0 && options.teardownErrors !== undefined && options.teardownErrors.length > 0) {
    return "no test failed, but the suite's global teardown did";
  }
  const flaky = Math.max(tests.flaky, files.flaky);
  return options.failOnFlaky === true && flaky > 0
    ? `${counted(flaky, tests.flaky > 0 ? 'test' : 'file')} flaky, which fails this run`
    : `${counted(totals.fileErrors, 'error')} outside of any test`;
}
