/**
 * The owner's side of a host: starts its program and speaks NDJSON with it over descriptors 3 and 4.
 *
 * C1 Every event read comes before `exited` resolves, and `exited` always resolves.
 * C2 Memory is bounded whatever the host prints or says: output is handed on and forgotten but for its last 4 KiB,
 *    and a line past `lineBytesMax`, or one that is no event, ends the host.
 * C3 A daemon that keeps the host's standard output open delays `exited` by at most `DRAIN_MS`.
 *
 * Time limits, grace and process groups beyond the kill are the executor's.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { HostEvent, HostRequest } from '../host-protocol.ts';

/** What to start: `process.execPath` with `execArgv`, then `path`. */
export interface HostProgram {
  /** Absolute. */
  readonly path: string;
  readonly execArgv: readonly string[];
}

export interface HostOptions {
  readonly program: HostProgram;
  /** Absolute. */
  readonly cwd: string;
  /** The whole environment of the host. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Lead an own process group, so that `kill` reaches all that the tests started. Default true; no effect on Windows. */
  readonly detached?: boolean;
  /** Bytes of one event line, after which the host is ended. Default 16 MiB. */
  readonly lineBytesMax?: number;
  /** Node.js to run it with. Default: the one that runs this. */
  readonly node?: string;
}

export interface HostListeners {
  event(event: HostEvent): void;
  /** What the runner and the tests print, bytes as they come, in order per stream. Default: dropped. */
  output?(stream: 'out' | 'err', chunk: Buffer): void;
}

export interface HostExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** The last 4 KiB of standard error. */
  readonly stderrTail: string;
  /** Set if it could not be started or broke the protocol: a fragment that completes "the host". */
  readonly fault?: string;
}

export interface Host {
  /** Undefined if it could not be started. */
  readonly pid: number | undefined;
  /** Queues a request. After the host's end it is dropped: `exited` has told. */
  send(request: HostRequest): void;
  readonly exited: Promise<HostExit>;
  /** Signals the host's whole group if it leads one, else the host. Harmless after its end. */
  kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
}

/** Starts a host. Never throws: a start that fails shows in `exited`. */
export function openHost(options: HostOptions, listeners: HostListeners): Host {
  const grouped = (options.detached ?? true) && process.platform !== 'win32';
  const child = spawn(options.node ?? process.execPath, [...options.program.execArgv, options.program.path], {
    cwd: options.cwd,
    env: options.env,
    detached: grouped,
    windowsHide: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  });
  const [, stdout, stderr, requests, events] = child.stdio as unknown as [null, Readable, Readable, Writable, Readable];
  let ended = false;
  let fault: string | undefined;
  const tail = createTail(STDERR_TAIL_BYTES);

  const kill: Host['kill'] = (signal) => {
    if (child.pid === undefined || ended) return;
    try {
      process.kill(grouped ? -child.pid : child.pid, signal);
    } catch {
      /* ignored: the group is gone already, and exited tells. */
    }
  };
  const breakOff = (why: string): void => {
    fault ??= why;
    // In this order: a host that finds its channel closed would end by itself, and its exit would say so.
    kill('SIGKILL');
    events.destroy();
  };
  stdout.on('data', (chunk: Buffer) => listeners.output?.('out', chunk));
  stderr.on('data', (chunk: Buffer) => {
    tail.add(chunk);
    listeners.output?.('err', chunk);
  });
  readEvents(events, options.lineBytesMax ?? LINE_BYTES_MAX, (event) => listeners.event(event), breakOff);
  // A write to a host that just died fails: its exit says why.
  requests.on('error', () => undefined);
  for (const stream of [stdout, stderr, events]) stream.on('error', () => undefined);

  const exited = endOf(child, events, [stdout, stderr]).then(({ code, signal, error }): HostExit => {
    ended = true;
    if (error) fault ??= `could not be started: ${error.message}`;
    return { code, signal, stderrTail: tail.text(), ...(fault === undefined ? {} : { fault }) };
  });
  return {
    pid: child.pid,
    send: (request) => {
      if (!ended && requests.writable) requests.write(`${JSON.stringify(request)}\n`);
    },
    exited,
    kill,
  };
}

/** One sentence on how a host ended, with the last of what it said. */
export function describeExit(exit: HostExit): string {
  const how = exit.fault ?? (exit.signal === null ? `ended with exit code ${exit.code ?? 'unknown'}` : `was killed by ${exit.signal}`);
  const said = exit.stderrTail.trim();
  return `the host ${how}${said === '' ? '' : `; its last words:\n${said}`}`;
}

function readEvents(stream: Readable, bytesMax: number, take: (event: HostEvent) => void, breakOff: (why: string) => void): void {
  let parts: Buffer[] = [];
  let bytes = 0;
  let broken = false;
  const fail = (why: string): void => {
    broken = true;
    parts = [];
    breakOff(why);
  };
  /** Says whether to read on. */
  const takeLine = (text: string): boolean => {
    const event = parseEvent(text);
    if (event) take(event);
    else fail(`said something that is no event: ${JSON.stringify(text.slice(0, 200))}`);
    return event !== undefined;
  };
  stream.on('data', (chunk: Buffer) => {
    if (broken) return;
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, end));
      const text = Buffer.concat(parts).toString('utf8');
      parts = [];
      bytes = 0;
      from = end + 1;
      if (!takeLine(text)) return;
    }
    parts.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > bytesMax) fail(`said a line of more than ${bytesMax} bytes`);
  });
}

function parseEvent(text: string): HostEvent | undefined {
  try {
    const value = JSON.parse(text) as { t?: unknown };
    return typeof value === 'object' && value !== null && EVENTS.has(value.t as string) ? (value as HostEvent) : undefined;
  } catch {
    return undefined;
  }
}

interface End {
  readonly code: number | null;
  readonly signal: string | null;
  readonly error?: Error;
}

/**
 * Resolves once the process is gone, its events are read to their end, and its output is, too, or `DRAIN_MS` have passed:
 * only output can be held open by a daemon, since Node hands no other descriptor on.
 */
async function endOf(child: ChildProcess, events: Readable, output: readonly Readable[]): Promise<End> {
  const read = new Promise<void>((resolve) => events.once('close', resolve));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const end = await new Promise<End>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', (error) => {
      // An error after the start (a kill that failed) is no end.
      if (child.pid === undefined) resolve({ code: null, signal: null, error });
    });
  });
  if (end.error === undefined) {
    await within(EVENTS_MS, read);
    await within(DRAIN_MS, closed);
  }
  for (const stream of [events, ...output]) stream.destroy();
  return end;
}

/** Resolves with `done`, or after `ms` and one more look at what has arrived meanwhile. */
function within(ms: number, done: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => setImmediate(resolve), ms);
    const finish = (): void => {
      clearTimeout(timer);
      resolve();
    };
    done.then(finish, finish);
  });
}

/** Keeps the last bytes of a stream. */
function createTail(bytesMax: number): { add(chunk: Buffer): void; text(): string } {
  let kept = Buffer.alloc(0);
  return {
    add(chunk) {
      kept = chunk.length >= bytesMax ? Buffer.from(chunk.subarray(-bytesMax)) : Buffer.concat([kept, chunk]).subarray(-bytesMax);
    },
    text: () => kept.toString('utf8'),
  };
}

const EVENTS: ReadonlySet<string> = new Set<HostEvent['t']>(['ready', 'unusable', 'listed', 'at', 'case', 'end']);
const LINE_BYTES_MAX = 16 * 1024 * 1024;
const STDERR_TAIL_BYTES = 4096;
const DRAIN_MS = 500;
/** Should never pass: something else has got hold of the events' descriptor. */
const EVENTS_MS = 5000;
