/**
 * Folds the events of a run into verdicts, as they come.
 *
 * F1 Exactly once: the same (n, epoch) told twice counts once; a recorded result beats a loss of the same epoch.
 * F2 Order does not matter between tasks, nor between attempts of one task: they are judged by epoch.
 * F3 Totals are kept by difference: an event costs O(cases of its own task), reading the totals O(1).
 * F4 After `close` nothing is pending: every listed task, and every task the run counted but never listed, has a grade.
 * F5 Memory is bounded by the number of cases; texts of failures by `failureCharsMax`, beyond which only first lines are kept.
 *
 * Not responsible for: durations of later runs (`history.ts`), what the grades mean for the exit code (`verdict.ts`).
 */
import { elapsed, type MonoMs } from '@holdfast/kernel';
import type { CaseResult, Failure, Grade, RunCounts, RunState } from '@holdfast/model';
import { type FileGrade, type FileVerdict, type IsQuarantined, judgeTask } from './grade.ts';
import type { AttemptFinished, AttemptLost, RunEvent, TaskTold } from './run-event.ts';
import { attemptOf, caseKey, createTaskRecord, firstLineOf, type TaskRecord } from './task-record.ts';

export interface FoldOptions {
  /** Default: nothing is quarantined. */
  readonly isQuarantined?: IsQuarantined;
  /** UTF-16 units of failure texts kept in full. Default 33,554,432; 0 keeps first lines only. */
  readonly failureCharsMax?: number;
}

/** What an event did. `news`: worth showing, decides nothing. `repeated`: had been told before (F1). */
export type Folded = 'counted' | 'news' | 'repeated';

/** All counters of the fold. */
export interface Totals {
  /** Tasks by grade; `total` is their sum, tasks that were counted but never listed included (as `not_proven` once closed). */
  readonly files: Readonly<Record<FileGrade | 'total', number>>;
  /** Cases of settled tasks by grade; `total` is their sum. */
  readonly tests: Readonly<Record<Grade | 'total', number>>;
  /** Settled tasks that prove something: a case that ran, or a task that is no test file and has a result. */
  readonly samples: number;
  /** Errors that belong to a file and to no case. */
  readonly fileErrors: number;
  /** Attempts lost with their machine. */
  readonly lostAttempts: number;
  /** Those of them whose task has a recorded result all the same. */
  readonly recoveredAttempts: number;
  /** Recorded results beyond the first of each task. */
  readonly retries: number;
  /** Milliseconds of all recorded attempts: what one after another would have taken. */
  readonly summedMs: number;
  /** Failures whose stack and diff were dropped (F5). */
  readonly failuresCut: number;
}

export interface RunFold {
  /** Takes one event. Unknown kinds are `news`. */
  apply(event: RunEvent, now: MonoMs): Folded;
  /** Nothing more will come, although no `ended` event did (F4). Repeated: nothing changes. */
  close(now: MonoMs): void;
  totals(): Totals;
  /** The verdict on task `n`; undefined when it was never heard of. */
  file(n: number): FileVerdict | undefined;
  /** All tasks, by number. Judged one at a time: a consumer that streams holds one file. */
  files(): IterableIterator<FileVerdict>;
  /** The state of the run as last told; undefined before the first event. */
  readonly state: RunState | undefined;
  readonly closed: boolean;
  /** From the first event (or as `ended` told) to `now` or the end. */
  wallMs(now: MonoMs): number;
  /** Sum of durations over wall time; undefined while either is 0. Above 1: faster than one after another. */
  speedUp(now: MonoMs): number | undefined;
}

/** Creates an empty fold. */
export function createRunFold(options: FoldOptions = {}): RunFold {
  const isQuarantined = options.isQuarantined ?? (() => false);
  const texts = createTextBudget(options.failureCharsMax ?? 33_554_432);
  const tasks = new Map<number, TaskRecord>();
  const counted = new Map<number, Contribution>();
  const totals = emptyTotals();
  let state: RunState | undefined;
  let counts: RunCounts | undefined;
  let closed = false;
  let began: MonoMs | undefined;
  let ended: MonoMs | undefined;
  let toldWallMs: number | undefined;

  const taskOf = (n: number): TaskRecord => {
    let task = tasks.get(n);
    if (!task) tasks.set(n, (task = createTaskRecord(n)));
    return task;
  };
  const recount = (task: TaskRecord): void => {
    const before = counted.get(task.n);
    if (before) addTo(totals, before, -1);
    const after = contributionOf(task, judgeTask(task, closed, isQuarantined));
    counted.set(task.n, after);
    addTo(totals, after, 1);
  };
  const close = (now: MonoMs): void => {
    if (closed) return;
    closed = true;
    ended = now;
    for (const task of tasks.values()) recount(task);
  };
  const unlisted = (): number => Math.max(0, (counts?.total ?? 0) - tasks.size);
  const wallMs = (now: MonoMs): number => toldWallMs ?? (began === undefined ? 0 : elapsed(began, ended ?? now));

  return {
    apply(event, now) {
      began ??= now;
      switch (event.e) {
        case 'run':
          ({ state, counts } = event);
          return 'news';
        case 'ended':
          ({ state, counts, wallMs: toldWallMs } = event);
          close(now);
          return 'counted';
        case 'task': {
          const task = taskOf(event.n);
          tell(task, event);
          recount(task);
          return 'counted';
        }
        case 'cases':
          return remember(taskOf(event.n), event.epoch, event.worker, event.cases);
        case 'finished': {
          const task = taskOf(event.n);
          const folded = finish(task, event, texts);
          if (folded === 'counted') recount(task);
          return folded;
        }
        case 'lost': {
          const task = taskOf(event.n);
          const folded = lose(task, event);
          if (folded === 'counted') recount(task);
          return folded;
        }
        default:
          return 'news';
      }
    },
    close,
    totals() {
      const missing = unlisted();
      const grade = closed ? 'not_proven' : 'pending';
      const files = { ...totals.files, [grade]: totals.files[grade] + missing, total: totals.files.total + missing };
      return { ...totals, files, tests: { ...totals.tests }, failuresCut: texts.cut() };
    },
    file: (n) => {
      const task = tasks.get(n);
      return task && judgeTask(task, closed, isQuarantined);
    },
    *files() {
      for (const n of [...tasks.keys()].sort((a, b) => a - b)) yield judgeTask(tasks.get(n)!, closed, isQuarantined);
    },
    get state() {
      return state;
    },
    get closed() {
      return closed;
    },
    wallMs,
    speedUp(now) {
      const wall = wallMs(now);
      return wall > 0 && totals.summedMs > 0 ? totals.summedMs / wall : undefined;
    },
  };
}

/** Folds a whole history of events at once and closes it. */
export function foldRun(events: Iterable<readonly [RunEvent, MonoMs]>, options: FoldOptions = {}): RunFold {
  const fold = createRunFold(options);
  let last = 0 as MonoMs;
  for (const [event, now] of events) {
    fold.apply(event, now);
    last = now;
  }
  fold.close(last);
  return fold;
}

function tell(task: TaskRecord, event: TaskTold): void {
  task.listed = true;
  if (event.name !== '') task.name = event.name;
  task.state = event.state;
  if (event.kind !== undefined) task.kind = event.kind;
  if (event.reason !== undefined) task.reason = event.reason;
  if (event.predictedMs) task.predictedMs = event.predictedMs;
  if (event.epoch !== undefined && event.worker !== undefined) attemptOf(task, event.epoch, event.worker);
}

function remember(task: TaskRecord, epoch: number, worker: string, cases: readonly CaseResult[]): Folded {
  const attempt = attemptOf(task, epoch, worker);
  if (attempt.result) return 'repeated';
  attempt.told ??= new Map();
  for (const { failure: _, ...told } of cases) attempt.told.set(caseKey(told), told);
  return 'news';
}

function finish(task: TaskRecord, event: AttemptFinished, texts: TextBudget): Folded {
  const attempt = attemptOf(task, event.epoch, event.worker);
  if (attempt.result) return 'repeated';
  const { errors, cases, ...rest } = event.result;
  attempt.worker = event.worker;
  attempt.final = event.final;
  attempt.result = {
    ...rest,
    cases: cases.map((one) => (one.failure ? { ...one, failure: texts.keep(one.failure) } : one)),
    ...(errors ? { errors: errors.map((one) => texts.keep(one)) } : {}),
  };
  delete attempt.told;
  return 'counted';
}

function lose(task: TaskRecord, event: AttemptLost): Folded {
  const attempt = attemptOf(task, event.epoch, event.worker);
  if (attempt.result || attempt.lost !== undefined) return 'repeated';
  attempt.lost = event.reason;
  return 'counted';
}

interface TextBudget {
  keep(failure: Failure): Failure;
  cut(): number;
}

function createTextBudget(charsMax: number): TextBudget {
  let used = 0;
  let cut = 0;
  return {
    keep(failure) {
      const size = failure.message.length + (failure.stack?.length ?? 0) + (failure.diff?.length ?? 0);
      if (used + size <= charsMax) {
        used += size;
        return failure;
      }
      cut += 1;
      return firstLineOf(failure);
    },
    cut: () => cut,
  };
}

/** What one task adds to the totals. */
interface Contribution {
  readonly grade: FileGrade;
  readonly tests: ReadonlyMap<Grade, number>;
  readonly samples: number;
  readonly fileErrors: number;
  readonly lost: number;
  readonly recovered: number;
  readonly retries: number;
  readonly summedMs: number;
}

function contributionOf(task: TaskRecord, file: FileVerdict): Contribution {
  const settled = file.grade !== 'pending';
  const tests = new Map<Grade, number>();
  if (settled) for (const one of file.cases) tests.set(one.grade, (tests.get(one.grade) ?? 0) + 1);
  const ran = file.cases.filter((one) => one.runs > 0).length;
  const isTest = task.kind === 'test' || file.cases.length > 0;
  const proves = settled && file.attempts > 0;
  return {
    grade: file.grade,
    tests,
    samples: proves ? (isTest ? ran : 1) : 0,
    fileErrors: settled ? file.errors.length : 0,
    lost: file.lost,
    recovered: file.attempts > 0 ? file.lost : 0,
    retries: Math.max(0, file.attempts - 1),
    summedMs: task.attempts.reduce((sum, attempt) => sum + (attempt.result?.durationMs ?? 0), 0),
  };
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] extends number ? number : { -readonly [Inner in keyof T[Key]]: number } };

function addTo(totals: Mutable<Totals>, one: Contribution, sign: 1 | -1): void {
  totals.files[one.grade] += sign;
  totals.files.total += sign;
  for (const [grade, count] of one.tests) {
    totals.tests[grade] += sign * count;
    totals.tests.total += sign * count;
  }
  totals.samples += sign * one.samples;
  totals.fileErrors += sign * one.fileErrors;
  totals.lostAttempts += sign * one.lost;
  totals.recoveredAttempts += sign * one.recovered;
  totals.retries += sign * one.retries;
  totals.summedMs += sign * one.summedMs;
}

function emptyTotals(): Mutable<Totals> {
  const grades = { passed: 0, failed: 0, flaky: 0, skipped: 0, infra_lost: 0, not_proven: 0, quarantined: 0, total: 0 };
  return {
    files: { ...grades, pending: 0 },
    tests: grades,
    samples: 0,
    fileErrors: 0,
    lostAttempts: 0,
    recoveredAttempts: 0,
    retries: 0,
    summedMs: 0,
    failuresCut: 0,
  };
}
