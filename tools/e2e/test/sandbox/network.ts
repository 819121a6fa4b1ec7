/** Workers behind fault proxies, and what was recorded while the proxies did their worst. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChaosEvent, createProxy, type Proxy } from '@holdfast/chaos/proxy';
import { expect, onTestFinished } from 'vitest';
import type { Api } from './api.ts';
import type { StartedCommand } from './command.ts';
import type { Fleet, WorkOptions } from './fleet.ts';
import type { Sandbox } from './sandbox.ts';

export interface ProxiedWorker {
  readonly name: string;
  readonly proxy: Proxy;
  readonly events: readonly ChaosEvent[];
  readonly command: StartedCommand;
}

/** Starts a worker that reaches the coordinator through a proxy of its own. */
export async function workBehindProxy(fleet: Fleet, name: string, options: WorkOptions = {}): Promise<ProxiedWorker> {
  const events: ChaosEvent[] = [];
  const proxy = await createProxy({ name, upstream: new URL(fleet.url).host, seed: SEED, observe: (event) => events.push(event) });
  onTestFinished(() => proxy.close());
  const command = await fleet.work(name, { ...options, connect: `http://${proxy.describe().listen}` });
  return { name, proxy, events, command };
}

export interface TaskHistory {
  readonly n: number;
  readonly state: string;
  readonly epoch: number;
  readonly lost: number;
  readonly attemptRows: readonly {
    readonly epoch: number;
    readonly state: string;
    readonly grantedWall: number;
    readonly result: unknown;
  }[];
  readonly events: readonly { readonly version: number; readonly kind: string; readonly epoch: number; readonly state: string }[];
}

/** The whole history of each task of a run. */
export function historyOf(api: Api, run: string, count: number): Promise<TaskHistory[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => api.get<TaskHistory>(`/api/v1/runs/${run}/tasks/${index + 1}`)));
}

/**
 * No result lost, none applied twice: each task has passed by one terminal event, one attempt holds its result, epochs were granted
 * in order, and the page of results names each once.
 */
export async function expectAllOnce(api: Api, run: string, count: number): Promise<TaskHistory[]> {
  const tasks = await historyOf(api, run, count);
  for (const task of tasks) {
    const what = `task ${task.n}: ${JSON.stringify(task.events)}`;
    expect(task.state, what).toBe('passed');
    expect(task.events.filter(({ state }) => state === 'passed').length, `terminal events of ${what}`).toBe(1);
    expect(task.attemptRows.filter(({ result }) => result !== null).length, `results of ${what}`).toBe(1);
    expect(
      task.attemptRows.map(({ epoch }) => epoch),
      what,
    ).toEqual(task.attemptRows.map((_, index) => index + 1));
    const versions = task.events.map(({ version }) => version);
    expect(versions, what).toEqual(versions.toSorted((a, b) => a - b));
  }
  const finished: number[] = [];
  for (let after = 0, more = true; more;) {
    const page = await api.get<{ events: { e: string; n: number }[]; after: number; more: boolean }>(
      `/api/v1/runs/${run}/results?after=${after}`,
    );
    finished.push(...page.events.flatMap(({ e, n }) => (e === 'finished' ? [n] : [])));
    ({ after, more } = page);
  }
  expect(
    finished.toSorted((a, b) => a - b),
    'recorded results',
  ).toEqual(tasks.map(({ n }) => n));
  return tasks;
}

export interface LogLine {
  readonly event?: string;
  readonly time: number;
  readonly worker?: string;
  readonly reason?: string;
}

/** The process log in a data folder: of a coordinator, or of a worker. */
export function logOf(box: Sandbox, folder: string): LogLine[] {
  const logs = join(box.folder, folder, 'logs');
  return readdirSync(logs)
    .toSorted()
    .flatMap((file) => readFileSync(join(logs, file), 'utf8').split('\n'))
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LogLine);
}

/**
 * Every gap is explicit: each session after a worker's first either was resumed, or says why it was not; and the worker tells the
 * same story as the coordinator, but for welcomes that the network kept.
 */
export function expectGapsExplicit(box: Sandbox, names: readonly string[]): { readonly resumed: number; readonly fresh: number } {
  const isSession = ({ event }: LogLine): boolean => event === 'session.resumed' || event === 'session.opened';
  const coordinator = logOf(box, 'coordinator').filter(isSession);
  let [resumed, fresh] = [0, 0];
  for (const name of names) {
    const told = logOf(box, name).filter(isSession);
    expect(told.length, `sessions of ${name}`).toBeGreaterThan(0);
    for (const line of told.slice(1)) {
      if (line.event === 'session.opened') expect(line.reason, `why a session of ${name} was not resumed`).toBeTruthy();
    }
    resumed += told.filter(({ event }) => event === 'session.resumed').length;
    fresh += told.filter(({ event }) => event === 'session.opened').length;
  }
  const count = (event: string): number => coordinator.filter((line) => line.event === event).length;
  expect(count('session.resumed'), 'resumed, as the coordinator tells').toBeGreaterThanOrEqual(resumed);
  expect(count('session.opened'), 'opened, as the coordinator tells').toBeGreaterThanOrEqual(fresh);
  return { resumed, fresh };
}

/** Printed with failures; `CHAOS_SEED` replays one. */
export const SEED = process.env['CHAOS_SEED'] ?? 'network';
