export { columnsOf, cutEnd, cutStart, padEnd, padStart, wrap } from './columns.ts';
export { failureLocation, type Location, type ReadLines } from './failure-location.ts';
export { caseTitle, failureLine, failureLines, failuresOf, type FailureView, type ShownFailure } from './failure-view.ts';
export { createRunFold, type Folded, type FoldOptions, foldRun, type RunFold, type Totals } from './fold.ts';
export type { AttemptFailure, CaseVerdict, FileGrade, FileVerdict, IsQuarantined } from './grade.ts';
export {
  type DurationHistory,
  EMPTY_HISTORY,
  lastFailed,
  orderLongestFirst,
  parseHistory,
  predict,
  runDurations,
  type RunDurations,
  type RunUnit,
  SAMPLES_MAX,
  type UnitHistory,
  UNITS_MAX,
  updateHistory,
} from './history.ts';
export { jsonReport, type JsonReport, type JsonReportOptions, type ReportedRun } from './json-report.ts';
export { type JunitOptions, junitXml, xmlAttribute, xmlText } from './junit.ts';
export { createLiveState, type LiveAttempt, type LiveState, type LiveWorker } from './live-state.ts';
export { liveLines, type Screen } from './live-view.ts';
export { githubAnnotations, markdownSummary, type MarkdownOptions } from './markdown.ts';
export { createNewsDesk, type News, type NewsDesk } from './news.ts';
export { firstLine, inertLine, plainLine, plainText, stripSequences } from './plain-text.ts';
export type { Reporter, RunEnding } from './reporter.ts';
export type {
  AttemptFinished,
  AttemptLost,
  CasesTold,
  LogTold,
  NoticeTold,
  RunEnded,
  RunEvent,
  RunTold,
  TaskTold,
  WorkerTold,
} from './run-event.ts';
export { summaryLines, type SummaryOptions } from './summary-view.ts';
export { coloursWanted, createTheme, type Glyphs, type TerminalFacts, type Theme, type ThemeOptions, unicodeWanted } from './theme.ts';
export { type Verdict, verdict, VERDICT_EXIT_CODES, type VerdictKind, type VerdictOptions } from './verdict.ts';
