/**
 * The local workers of a run: child processes, started anew when one dies, gone when the run is.
 *
 * P1 A worker's death is told to the coordinator with its incarnation: evidence, so its tasks go elsewhere at once.
 * P2 A worker that dies is started anew, at most `RESTARTS_MAX` times: a task that kills workers must not loop for ever.
 *    `UNBORN_MAX` in a row that died before they began mean that none will ever begin here.
 * P3 Ids are the same in every life of a run: a worker of a resumed run is evidence that its predecessor is gone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Incarnation, incarnation, type SuiteSpec, type WorkerId, workerId } from '@holdfast/model';
import type { ChildEndpoint, ChildSettings } from './child-settings.ts';

export interface PoolOptions {
  readonly count: number;
  readonly cwd: string;
  readonly logs: string;
  readonly logLevel: string;
  /** Starts the suite's hosts before the first assignment. */
  readonly prewarm?: { readonly suite: SuiteSpec; readonly env: Readonly<Record<string, string>> };
}

export interface PoolEvents {
  /** A worker's process is gone while the pool is open. `again`: another one was started in its place. */
  died(worker: { readonly id: WorkerId; readonly incarnation: Incarnation; readonly name: string }, reason: string, again: boolean): void;
  /** The last one is gone, for this reason, and none will be started. */
  exhausted(reason: string): void;
  /** A global teardown of the suite has failed, at the latest before `close` resolves. */
  teardownFailed(reason: string): void;
}

export interface WorkerPool {
  /** Lets the workers dial: they were started before the coordinator was ready. */
  connect(url: string, token: string): void;
  /** Sends all but the first `count` workers home: the suite turned out to want fewer. */
  keep(count: number): void;
  /** Tells all to stop; resolves when every process is gone. By force after `CLOSE_MS`. */
  close(): Promise<void>;
}

/** Starts the processes at once; they wait for `connect`. */
export function startWorkerPool(options: PoolOptions, events: PoolEvents): WorkerPool {
  const children = new Set<ChildProcess>();
  const byNumber = new Map<number, ChildProcess>();
  let kept = options.count;
  const waiting: (() => void)[] = [];
  let coordinator: ChildEndpoint | undefined;
  let closing = false;
  let restarts = 0;
  let unborn = 0;

  function start(number: number, id: WorkerId): void {
    const name = `w${number}`;
    const stderr = openSync(join(options.logs, `${name}.stderr.log`), 'a', 0o600);
    // A group of its own: Ctrl-C in a terminal must not reach it, the end of its standard input does.
    const child = spawn(process.execPath, [...process.execArgv, CHILD], {
      cwd: options.cwd,
      detached: true,
      stdio: ['pipe', 'pipe', stderr],
    });
    closeSync(stderr);
    children.add(child);
    byNumber.set(number, child);
    let life: Incarnation | undefined;
    child.stdin?.on('error', () => {
      /* ignored: its exit tells. */
    });
    createInterface({ input: child.stdout! }).on('line', (line) => {
      unborn = 0;
      const said = JSON.parse(line) as { incarnation: string } | { teardownFailed: string };
      if ('teardownFailed' in said) events.teardownFailed(said.teardownFailed);
      else life = incarnation(said.incarnation);
    });
    // Its hosts start while the coordinator does.
    child.stdin?.write(`${JSON.stringify(settingsOf(number, name, id))}\n`);
    const connect = (): void => {
      child.stdin?.write(`${JSON.stringify(coordinator)}\n`);
    };
    if (coordinator) connect();
    else waiting.push(connect);
    child.once('error', () => children.delete(child));
    child.once('exit', (code, signal) => {
      children.delete(child);
      if (closing || number > kept) return;
      if (life === undefined) unborn += 1;
      const again = restarts < RESTARTS_MAX && unborn < UNBORN_MAX;
      const reason = signal === null ? `its process ended with code ${code}` : `its process was ended by ${signal}`;
      if (life !== undefined) events.died({ id, incarnation: life, name }, reason, again);
      if (again) {
        restarts += 1;
        start(number, id);
      } else if (children.size === 0) events.exhausted(reason);
    });
  }

  function settingsOf(number: number, name: string, id: WorkerId): ChildSettings {
    return {
      worker: {
        id,
        name,
        slots: 1,
        // The pool tells of deaths itself, and a coordinator that is gone does not come back.
        deathToldForMs: 0,
        firstSlot: number - 1,
        labels: {},
        root: options.cwd,
        // It is the user's own machine and command: everything that a plain run may do and see.
        policy: { environment: ['*'], folders: ['/'] },
        ...(options.prewarm && number <= PREWARMED_MAX ? { prewarm: { ...options.prewarm, cwd: options.cwd } } : {}),
      },
      logFile: join(options.logs, `worker-${number}.log`),
      logLevel: options.logLevel,
    };
  }

  for (let number = 1; number <= options.count; number += 1) start(number, workerId(`local-${number}`));

  return {
    connect(url, token) {
      coordinator = { url, token };
      for (const connectChild of waiting.splice(0)) connectChild();
    },
    keep(count) {
      kept = count;
      for (const [number, child] of byNumber) if (number > kept) child.stdin?.end();
    },
    async close() {
      closing = true;
      // Not at `exit`: what a child said last is read by then.
      const gone = [...children].map((child) => new Promise<void>((resolve) => child.once('close', () => resolve())));
      for (const child of children) child.stdin?.end();
      const timer = setTimeout(() => {
        for (const child of children) child.kill('SIGKILL');
      }, CLOSE_MS);
      await Promise.all(gone);
      clearTimeout(timer);
    },
  };
}

const CHILD = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './worker-child.ts' : './local/worker-child.js', import.meta.url));
/**
 * Hosts that start while the runner lists. One core is left to that: hosts that share it all come late, and the first test with them.
 */
const PREWARMED_MAX = Math.max(1, availableParallelism() - 1);
const RESTARTS_MAX = 20;
const UNBORN_MAX = 4;
const CLOSE_MS = 15_000;
