/** A coordinator and workers as processes of their own, started by their commands. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Api, createApi } from './api.ts';
import type { StartedCommand } from './command.ts';
import { until } from './condition.ts';
import type { Sandbox } from './sandbox.ts';

export interface Fleet {
  readonly url: string;
  /** As administrator. */
  readonly api: Api;
  /** The process that serves now. */
  coordinator(): StartedCommand;
  /** Starts it on the same data and port. */
  restart(): Promise<void>;
  /** Starts a worker in a checkout of the project; resolves once it is connected. */
  work(name: string, options?: WorkOptions): Promise<StartedCommand>;
  /** Resolves once exactly these are connected. */
  connected(...names: string[]): Promise<void>;
  /** Flags and environment that talk to it as administrator. */
  readonly flags: readonly string[];
  /** What `token create` would print. */
  token(...scopes: string[]): Promise<string>;
}

export interface WorkOptions {
  readonly cwd?: string;
  readonly slots?: number;
  readonly args?: readonly string[];
  /** Where it dials; default: the coordinator itself. */
  readonly connect?: string;
  /** The host that it works on. */
  readonly prefix?: readonly string[];
}

export interface FleetOptions {
  readonly ca?: string;
  /** Heartbeats of 0.3 s and leases of 2 s, for faults that must be noticed: what is read of time is then order, not length. */
  readonly quick?: boolean;
  /** The host that it serves on, and its address as this process reaches it. */
  readonly on?: { readonly prefix: readonly string[]; readonly address: string };
}

interface Status {
  readonly workers: readonly { readonly name: string; readonly state: string; readonly held: number; readonly id: string }[];
}

/** Starts a coordinator; `args` are further flags, `ca` is the file of the authority that those who call it trust. */
export async function startFleet(box: Sandbox, args: readonly string[] = [], { ca, quick, on }: FleetOptions = {}): Promise<Fleet> {
  const trust = ca === undefined ? [] : ['--tls-ca', ca];
  const data = join(box.folder, 'coordinator');
  const serve = async (listen: string): Promise<{ command: StartedCommand; url: string }> => {
    const command = quick
      ? box.start([data, new URL(`http://${listen}`).port || '0'], { cwd: box.folder, program: QUICK })
      : box.start(['coordinator', '--listen', listen, '--data', data, '--json', ...args], {
          cwd: box.folder,
          ...(on && { prefix: on.prefix }),
        });
    const [, url = ''] = await command.said(/"url":"([^"]+)"/);
    return { command, url };
  };
  let { command, url } = await serve(`${on?.address ?? '127.0.0.1'}:0`);
  const admin = readFileSync(join(data, 'admin.token'), 'utf8').trim();
  const api = createApi(url, admin, ca);
  const token = async (...scopes: string[]): Promise<string> =>
    (await api.post<{ token: string }>('/api/v1/tokens', { name: scopes.join('+'), scopes })).token;
  const status = (): Promise<Status | undefined> => api.get<Status>('/api/v1/status').catch(() => undefined);
  const connected = async (...names: string[]): Promise<void> => {
    let last: Status | undefined;
    await until(
      `the workers ${names.join(', ')} to be connected`,
      async () => {
        last = await status();
        const there = last?.workers.filter(({ state }) => state === 'connected').map(({ name }) => name);
        return there?.toSorted().join() === names.toSorted().join();
      },
      30_000,
      () => JSON.stringify(last),
    );
  };
  return {
    url,
    api,
    flags: ['--connect', url, '--token', admin, ...trust],
    token,
    connected,
    coordinator: () => command,
    async restart() {
      ({ command } = await serve(new URL(url).host));
    },
    async work(name, { cwd = box.project, slots = 1, args: more = [], connect = url, prefix } = {}) {
      const worker = box.start(
        ['worker', '--connect', connect, '--name', name, '--slots', String(slots), '--data', join(box.folder, name), ...trust, ...more],
        {
          cwd,
          ...(prefix && { prefix }),
          env: { HOLDFAST_TOKEN: await token('worker:register') },
        },
      );
      await until(
        `worker ${name} to be connected`,
        async () => {
          if (worker.isOver()) throw new Error(`worker ${name} ended\n${worker.stderr()}`);
          return (await status())?.workers.some((each) => each.name === name && each.state === 'connected');
        },
        30_000,
        () => worker.stderr(),
      );
      return worker;
    },
  };
}

/** Stops what was started, in order: workers say goodbye first. */
export async function stopAll(...commands: readonly StartedCommand[]): Promise<void> {
  for (const each of commands) {
    if (!each.isOver()) each.kill('SIGTERM');
    await each.ended();
  }
}

const QUICK = join(import.meta.dirname, 'quick-coordinator.js');
