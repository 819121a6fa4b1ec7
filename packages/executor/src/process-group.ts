/**
 * One process with its group: started, listened to, signalled, and cleared away to the last descendant.
 *
 * P1 `ended` resolves once, after every byte was handed on and no process of the group or marker is left.
 * P2 The group is signalled only while it is known to be ours: not after its end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { bad, durationMs, errorText, ok, type Result, type Timers } from '@holdfast/kernel';
import type { Environment } from './environment.ts';
import type { Launch } from './launch.ts';
import type { Signal } from './overseer.ts';
import type { Watcher } from './reaper-link.ts';
import { signalGroup, type Sweeper } from './sweep.ts';

export interface GroupOptions {
  readonly launch: Launch;
  readonly cwd: string;
  readonly env: Environment;
  readonly marker: string;
  /** Open descriptors 3 (to the process) and 4 (from it). */
  readonly channel: boolean;
}

export interface GroupPorts {
  readonly timers: Timers;
  readonly sweeper: Sweeper;
  readonly reaper: Watcher;
}

export interface GroupEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Processes that would not die. Empty unless the system is in trouble. */
  readonly left: readonly number[];
}

export interface ProcessGroup {
  readonly pid: number;
  readonly channel?: { readonly requests: Writable; readonly events: Readable };
  /** False once it has ended. */
  signal(signal: Signal): boolean;
  readonly ended: Promise<GroupEnd>;
}

/** Starts a process that leads its own group. The problem says why the system refused. */
export async function startGroup(
  options: GroupOptions,
  ports: GroupPorts,
  output: (stream: 'out' | 'err', chunk: Buffer) => void,
): Promise<Result<ProcessGroup, string>> {
  const { launch, marker } = options;
  ports.reaper.expect(marker);
  let child: ChildProcess;
  try {
    child = spawn(launch.file, [...launch.args], {
      ...(launch.argv0 === undefined ? {} : { argv0: launch.argv0 }),
      cwd: options.cwd,
      env: options.env,
      detached: process.platform !== 'win32',
      windowsHide: true,
      stdio: ['ignore', 'pipe', 'pipe', ...(options.channel ? (['pipe', 'pipe'] as const) : [])],
    });
  } catch (error) {
    ports.reaper.unwatch(marker);
    return bad(`the process could not be started: ${errorText(error)}`);
  }
  const pid = child.pid;
  if (pid === undefined) {
    ports.reaper.unwatch(marker);
    return new Promise((resolve) => {
      child.once('error', (error) => resolve(bad(`the process could not be started: ${error.message}`)));
    });
  }
  ports.reaper.watch(pid, marker);
  const stdio = child.stdio as unknown as [null, Readable, Readable, Writable | undefined, Readable | undefined];
  stdio[1].on('data', (chunk: Buffer) => output('out', chunk));
  stdio[2].on('data', (chunk: Buffer) => output('err', chunk));
  // A broken pipe says nothing that the exit does not say.
  for (const stream of stdio) stream?.on('error', () => undefined);
  child.on('error', () => undefined);

  let over = false;
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const exited = new Promise<Omit<GroupEnd, 'left'>>((resolve) => {
    child.once('exit', (code, signal) => {
      // At once, while the id cannot have been given to another: as long as a member is left, the group keeps it.
      signalGroup(pid, 'SIGKILL');
      over = true;
      resolve({ code, signal });
    });
  });
  const end = async (): Promise<GroupEnd> => {
    const exit = await exited;
    const left = await ports.sweeper.clear(marker, pid);
    ports.reaper.unwatch(marker);
    await new Promise<void>((resolve) => {
      const cancel = ports.timers.set(durationMs(DRAIN_MS), resolve);
      void closed.then(() => {
        cancel();
        resolve();
      });
    });
    for (const stream of stdio) stream?.destroy();
    return { ...exit, left };
  };
  const [, , , requests, events] = stdio;
  return ok({
    pid,
    ...(requests && events ? { channel: { requests, events } } : {}),
    signal: (signal) => !over && signalGroup(pid, signal),
    ended: end(),
  });
}

/** How long a process that fled without a trace may hold our pipes open. */
const DRAIN_MS = 500;
