/**
 * The invariants of the store over all its rows. Independent of the code that writes them: everything is derived anew.
 */
import { isTerminal } from '@holdfast/model';
import { isActive } from './attempt-ops.ts';
import { replayEvents } from './replay.ts';
import type { AttemptRecord, RunRecord, TaskRecord, TaskRows } from './tables.ts';

/** One sentence per broken invariant, beginning with its number; empty when all hold. Reads every row. */
export function checkRows(rows: TaskRows): string[] {
  const findings: string[] = [];
  const runs = new Map(rows.runs.map((row) => [row.run, row]));
  const attempts = new Map<string, AttemptRecord[]>();
  for (const row of rows.attempts) attempts.set(`${row.run}.${row.n}`, [...(attempts.get(`${row.run}.${row.n}`) ?? []), row]);
  const ready = new Set(rows.ready.map((row) => `${row.run}.${row.n}`));
  if (ready.size !== rows.ready.length) findings.push('O3: a task has two ready rows');
  for (const task of rows.tasks) {
    const own = attempts.get(`${task.run}.${task.n}`) ?? [];
    const say = (claim: boolean, text: string): void => {
      if (!claim) findings.push(`${text}: task ${task.run}.${task.n} (${task.state}, epoch ${task.epoch}, fence ${task.fence})`);
    };
    checkTask(task, own, say);
    checkReady(task, own, runs.get(task.run)!, ready.has(`${task.run}.${task.n}`), say);
  }
  for (const run of rows.runs)
    findings.push(
      ...checkRun(
        run,
        rows.tasks.filter((task) => task.run === run.run),
      ),
    );
  findings.push(...checkLog(rows));
  return findings;
}

type Say = (claim: boolean, text: string) => void;

function checkTask(task: TaskRecord, own: readonly AttemptRecord[], say: Say): void {
  const active = own.filter(isActive);
  say(own.length === task.epoch && own.every((row, index) => row.epoch === index + 1), 'O2 epochs are 1, 2, 3 without gaps');
  say(task.attempts === own.length, 'O2 attempts are counted once, at the grant');
  say(task.lost === own.filter((row) => row.state === 'lost').length, 'losses are counted');
  say(task.lost <= task.maxLost, 'G20 losses stay within maxLost');
  say(
    active.every((row) => row.epoch >= task.fence),
    'O1 a lease that is out lies above the fence',
  );
  say(active.length > 0 === ['leased', 'running', 'paused'].includes(task.state), 'a task is leased exactly while a lease is out');
  say(isTerminal(task.state) === (task.ended !== null), 'a terminal task has an end');
  if (isTerminal(task.state)) say(task.fence > task.epoch, 'G5 nothing is accepted after the end');
  const final = own.find((row) => row.epoch === task.finalEpoch);
  if (task.finalEpoch > 0) say(final?.result?.outcome === task.state, 'G5 the final result is the state');
  say(
    own.every((row) => (row.result !== null) === (row.state === 'ended')),
    'an attempt that ended by itself has its result',
  );
}

function checkReady(task: TaskRecord, own: readonly AttemptRecord[], run: RunRecord, found: boolean, say: Say): void {
  const goesOn = run.state === 'open' || run.state === 'sealed';
  const runnable = task.state === 'queued' && task.blocked === 0 && task.delayMs === 0 && goesOn;
  const hedged = own.some((row) => isActive(row) && row.hedge);
  say(task.ready === found, 'O3 the flag and the ready row agree');
  if (task.state === 'queued') say(found === runnable, 'O3 ready holds exactly the runnable tasks');
  else say(!found || hedged, 'O3 a task that is out is ready only when hedged');
}

function checkRun(run: RunRecord, tasks: readonly TaskRecord[]): string[] {
  const count = (state: string): number => tasks.filter((task) => task.state === state).length;
  const { counts } = run;
  const claims: readonly (readonly [boolean, string])[] = [
    [counts.total === tasks.length, 'total'],
    [counts.remaining === tasks.filter((task) => !isTerminal(task.state)).length, 'remaining'],
    [counts.passed === count('passed'), 'passed'],
    [counts.failed === count('failed'), 'failed'],
    [counts.errored === count('errored'), 'errored'],
    [counts.timedOut === count('timed_out'), 'timedOut'],
    [counts.cancelled === count('cancelled'), 'cancelled'],
    [counts.deadLetter === count('dead_letter'), 'deadLetter'],
    [counts.lostAttempts === tasks.reduce((sum, task) => sum + task.lost, 0), 'lostAttempts'],
    [(run.state === 'finished' || run.state === 'cancelled') === (run.ended !== null), 'ended'],
    [!(run.sealed && counts.remaining === 0 && run.ended === null), 'a sealed run without unfinished tasks is over'],
  ];
  return claims.filter(([claim]) => !claim).map(([, name]) => `counter of run ${run.run} is right: ${name} ${JSON.stringify(counts)}`);
}

/** O4 and G16: the log alone gives the same tasks and runs. */
function checkLog(rows: TaskRows): string[] {
  const replayed = replayEvents(rows.events);
  const tasks = rows.tasks.map(({ run, n, state, epoch, fence, attempts, lost, version, finalEpoch }) => ({
    ...{ run, n, state, epoch, fence, attempts, lost, version, finalEpoch },
  }));
  const runs = rows.runs.map(({ run, state, version, counts }) => ({
    run,
    state,
    version,
    total: counts.total,
    remaining: counts.remaining,
  }));
  return [
    ...replayed.findings.map((text) => `O4 ${text}`),
    ...differences('task', tasks, replayed.tasks, (row) => `${row.run}.${row.n}`),
    ...differences('run', runs, replayed.runs, (row) => `${row.run}`),
  ];
}

function differences<Row>(what: string, stored: readonly Row[], replayed: readonly Row[], keyOf: (row: Row) => string): string[] {
  const byKey = new Map(replayed.map((row) => [keyOf(row), row]));
  const findings = stored.length === replayed.length ? [] : [`G16 ${what}s: ${stored.length} stored, ${replayed.length} replayed`];
  for (const row of stored) {
    const other = byKey.get(keyOf(row));
    const fields = Object.keys(row as object).filter(
      (name) => (row as Record<string, unknown>)[name] !== (other as Record<string, unknown>)?.[name],
    );
    if (fields.length > 0) findings.push(`G16 ${what} ${keyOf(row)}: stored ${JSON.stringify(row)}, replayed ${JSON.stringify(other)}`);
  }
  return findings;
}
