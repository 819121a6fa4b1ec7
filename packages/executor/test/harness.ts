/** Drives a real executor and waits on its events; every wait has a deadline that names what was awaited. */
import type { AttemptEvent, AttemptOrder } from '@holdfast/model';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeClock, nodeTimers } from '@holdfast/kernel/node';
import { type AttemptResult, runId, type RunSpec, type TaskBody } from '@holdfast/model';
import { onTestFinished, vi } from 'vitest';
import { createExecutor, type ExecutorOptions, type ProcessExecutor } from '../src/index.ts';

export interface Harness {
  readonly executor: ProcessExecutor;
  readonly root: string;
  readonly events: AttemptEvent[];
  /** Starts an attempt with a fresh task number and returns its order. */
  start(body: TaskBody, more?: Partial<AttemptOrder>, spec?: RunSpec, slot?: number): AttemptOrder;
  /** Runs an attempt to its end. */
  run(body: TaskBody, more?: Partial<AttemptOrder>, spec?: RunSpec): Promise<AttemptResult>;
  ended(order: AttemptOrder): Promise<AttemptResult>;
  until(what: string, found: (event: AttemptEvent) => boolean): Promise<AttemptEvent>;
  /** All log text of an attempt so far. */
  text(order: AttemptOrder): string;
  marker(order: AttemptOrder): string;
}

/** A real run's id is as unique: equal ids in two workers would make each kill the other's processes as leftovers. */
export const RUN_ID = runId(`test${randomUUID().replaceAll('-', '')}`);

// The waits name what they wait for; vitest's own limit would only hide that on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** A harness with its own root folder, closed and checked for leftovers when the test ends. */
export function createHarness(options: Partial<ExecutorOptions> = {}): Harness {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-executor-')));
  const events: AttemptEvent[] = [];
  const waits = new Set<() => void>();
  const executor = createExecutor({ root, policy: {}, ...options }, { clock: nodeClock, timers: nodeTimers }, (event) => {
    events.push(event);
    for (const check of waits) check();
  });
  let lastTask = 0;
  const until: Harness['until'] = (what, found) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waits.delete(check);
        reject(new Error(`waited ${DEADLINE_MS} ms for ${what}; events: ${JSON.stringify(events.slice(-20)).slice(0, 4000)}`));
      }, DEADLINE_MS);
      const check = (): void => {
        const event = events.find(found);
        if (!event) return;
        clearTimeout(timer);
        waits.delete(check);
        resolve(event);
      };
      waits.add(check);
      check();
    });
  const harness: Harness = {
    executor,
    root,
    events,
    until,
    start(body, more = {}, spec = {}, slot = 0) {
      lastTask += 1;
      const order: AttemptOrder = { run: 1, n: lastTask, epoch: 1, name: `task ${lastTask}`, body, timeoutMs: 0, graceMs: 5000, ...more };
      executor.start(order, { id: RUN_ID, spec }, slot);
      return order;
    },
    run: (body, more, spec) => harness.ended(harness.start(body, more, spec)),
    async ended(order) {
      const event = await until(`the end of task ${order.n}`, (one) => one.kind === 'ended' && one.lease.n === order.n);
      return (event as Extract<AttemptEvent, { kind: 'ended' }>).result;
    },
    text: (order) => events.flatMap((event) => (event.kind === 'log' && event.lease.n === order.n ? [event.text] : [])).join(''),
    marker: (order) => `${RUN_ID}.${order.n}.${order.epoch}`,
  };
  onTestFinished(async () => {
    await executor.close();
    rmSync(root, { recursive: true, force: true });
  });
  return harness;
}

/** A `command` that runs JavaScript in a plain Node process. */
export const script = (code: string, ...args: string[]): TaskBody => ({ kind: 'command', argv: [process.execPath, '-e', code, ...args] });

/** Processes that carry the marker, found without the code under test. */
export function processesOf(marker: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(`HOLDFAST_ATTEMPT=${marker}`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Polls until `holds`, or fails naming `what`. For facts of the system that send no event. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  const until = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > until) throw new Error(`waited ${DEADLINE_MS} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const DEADLINE_MS = 20_000;
