/**
 * The worker's side of its reaper: starts it, tells it what to watch, and starts it again if it dies.
 *
 * Messages are JSON lines on the reaper's standard input; its end of file is the worker's death.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { programFile } from './program-file.ts';
import { processStat } from './sweep.ts';

/** Where the reaper tells that its worker has died. */
export interface DeathReport {
  /** Receives one POST, again while it is not answered: the coordinator may be starting anew. */
  readonly url: string;
  /** Sent as a bearer token. */
  readonly token: string;
  readonly worker: string;
  readonly incarnation: string;
  /** For how long it is asked again. Default 30,000; 0: asked once. */
  readonly againForMs?: number;
  /** Folder of the worker's spool: what lies in it is told as kept, not lost. Default: nothing is kept. */
  readonly spool?: string;
  /** PEM texts for `https:`. Default: the system's authorities, no certificate of its own. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** Worker to reaper. */
export type ReaperMessage =
  /** A process with this marker is about to start: a worker killed in that moment leaves it behind. */
  | { readonly t: 'expect'; readonly marker: string }
  /** `started` is the process's start time, which tells a reused id; empty: unknown. */
  | { readonly t: 'watch'; readonly group: number; readonly started: string; readonly marker: string }
  | { readonly t: 'unwatch'; readonly marker: string }
  | ({ readonly t: 'report' } & DeathReport);

/** What keeps a group from outliving its worker. */
export interface Watcher {
  /** Before the start. */
  expect(marker: string): void;
  watch(group: number, marker: string): void;
  /** Nothing of it is left, or it did not start. */
  unwatch(marker: string): void;
}

export interface ReaperLink extends Watcher {
  /** Process id of the reaper; undefined where there is none. */
  pid(): number | undefined;
  report(target: DeathReport): void;
  /** Nothing is watched any more: lets it go. Resolves when it is gone. */
  close(): Promise<void>;
}

/** Starts the reaper of this process. On Windows there is none: job objects end children there. */
export function openReaper(): ReaperLink {
  /** By marker; each is used by one group. */
  const watched = new Map<string, ReaperMessage>();
  let target: ReaperMessage | undefined;
  let child: ChildProcess | undefined;
  let closing = false;
  let startsLeft = STARTS_MAX;

  const send = (message: ReaperMessage): void => void child?.stdin?.write(`${JSON.stringify(message)}\n`);
  const begin = (): void => {
    if (process.platform === 'win32' || startsLeft === 0) return;
    startsLeft -= 1;
    const { path, execArgv } = programFile('reaper');
    const started = spawn(process.execPath, [...REAPER_FLAGS, ...execArgv, path], {
      cwd: '/',
      // Nothing of the worker's environment: no marker of an outer attempt, no credentials.
      env: {},
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child = started;
    started.stdin?.on('error', () => undefined);
    started.once('error', () => undefined);
    started.once('exit', () => {
      child = undefined;
      if (!closing) begin();
    });
    // The worker may end whenever it likes; that is what the reaper waits for.
    started.unref();
    (started.stdin as unknown as { unref?(): void } | null)?.unref?.();
    if (target) send(target);
    for (const message of watched.values()) send(message);
  };
  begin();

  return {
    pid: () => child?.pid,
    expect(marker) {
      const message: ReaperMessage = { t: 'expect', marker };
      watched.set(marker, message);
      send(message);
    },
    watch(group, marker) {
      const message: ReaperMessage = { t: 'watch', group, marker, started: processStat(group)?.started ?? '' };
      watched.set(marker, message);
      send(message);
    },
    unwatch(marker) {
      watched.delete(marker);
      send({ t: 'unwatch', marker });
    },
    report(report) {
      target = { t: 'report', ...report };
      send(target);
    },
    async close() {
      closing = true;
      const reaper = child;
      if (reaper === undefined) return;
      const gone = new Promise<void>((resolve) => reaper.once('exit', () => resolve()));
      reaper.ref();
      // It hears no milder signal, and the end of its input would be a death to report.
      reaper.kill('SIGKILL');
      await gone;
    },
  };
}

const STARTS_MAX = 10;
const REAPER_FLAGS = ['--max-old-space-size=32', '--max-semi-space-size=1'];
