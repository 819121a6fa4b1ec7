/** What every reporter is: it hears each event once, right after the fold took it, and has the last word. */
import type { Folded, RunFold } from './fold.ts';
import type { ReportedRun } from './json-report.ts';
import type { RunEvent } from './run-event.ts';
import type { Verdict } from './verdict.ts';

export interface Reporter {
  /** `folded`: what the fold made of the event. */
  event(event: RunEvent, folded: Folded, fold: RunFold): void;
  /** After the last event, with the fold closed. Resolves when everything is written. Call once. */
  end(fold: RunFold, ending: RunEnding): Promise<void>;
}

/** What is known once a run has ended. */
export interface RunEnding {
  readonly verdict: Verdict;
  readonly wallMs: number;
  readonly run: ReportedRun;
}
