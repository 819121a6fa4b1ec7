/**
 * The host's side of its channel: requests come in on descriptor 3, events leave on descriptor 4, one JSON line each.
 *
 * Events are written synchronously: nothing said is lost when the process dies in the next statement, and a slow
 * owner slows the host instead of filling its memory. The functions used are captured at load (H3).
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { HostEvent, HostRequest } from '../host-protocol.ts';

/** What a runner's host must do; the channel keeps the order of requests and turns throws into events. */
export interface HostRunner {
  readonly runner: string;
  readonly version: string;
  list(): Promise<Omit<Extract<HostEvent, { t: 'listed' }>, 't'>>;
  /** Runs one unit and resolves when nothing of it can report any more. Never rejects for what tests do. */
  run(request: Extract<HostRequest, { t: 'run' }>, emit: (event: HostEvent) => void): Promise<void>;
  close(): Promise<void>;
}

export type OpenRequest = Extract<HostRequest, { t: 'open' }>;

/** Serves requests until `close` or the end of the stream, then exits: 0, or 1 if closing failed. An `open` or `list` that throws answers `unusable` and exits 1. */
export function serveHost(open: (request: OpenRequest) => Promise<HostRunner>): void {
  let runner: HostRunner | undefined;
  let turn = Promise.resolve();

  const handle = async (request: HostRequest): Promise<void> => {
    if (request.t === 'close') return leave(runner);
    if (request.t === 'open') {
      try {
        findProjectPrograms(request.cwd);
        runner = await open(request);
      } catch (error) {
        emit({ t: 'unusable', reason: reasonOf(error) });
        exit(1);
      }
      emit({ t: 'ready', runner: runner.runner, version: runner.version });
      return;
    }
    if (!runner) throw new Error(`a host was asked to ${request.t} before it was opened`);
    if (request.t === 'run') return runner.run(request, emit);
    try {
      emit({ t: 'listed', ...(await runner.list()) });
    } catch (error) {
      emit({ t: 'unusable', reason: reasonOf(error) });
      exit(1);
    }
  };
  // Requests never overlap (H1). A throw here is a bug of the host: it dies, and its owner sees that (H2).
  const enqueue = (request: HostRequest): void => {
    turn = turn.then(() => handle(request));
    turn.catch((error: unknown) => {
      writeAll(2, `holdfast host: ${error instanceof Error ? error.stack : String(error)}\n`);
      exit(70);
    });
  };
  readLines(enqueue);
}

/** Scripts and npx put the programs that a project has installed in front of PATH; tests and type checkers count on it. */
function findProjectPrograms(cwd: string): void {
  const folders: string[] = [];
  for (let at = cwd; ; at = dirname(at)) {
    folders.push(join(at, 'node_modules', '.bin'));
    if (dirname(at) === at) break;
  }
  const known = process.env['PATH']?.split(delimiter) ?? [];
  process.env['PATH'] = [...folders.filter((folder) => !known.includes(folder)), ...known].join(delimiter);
}

/** A global teardown that fails shows in the exit code: the plain command would be red, too. */
async function leave(runner: HostRunner | undefined): Promise<never> {
  try {
    await runner?.close();
  } catch (error) {
    writeAll(2, `holdfast host: closing the runner: ${reasonOf(error)}\n`);
    return exit(1);
  }
  return exit(process.exitCode ? 1 : 0);
}

function readLines(take: (request: HostRequest) => void): void {
  const socket = new Socket({ fd: 3, readable: true, writable: false });
  const decoder = new StringDecoder('utf8');
  let rest = '';
  socket.on('data', (chunk: Buffer) => {
    rest += decoder.write(chunk);
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      if (line !== '') take(JSON.parse(line) as HostRequest);
    }
  });
  // An owner that is gone cannot use what is still running: a configuration that never loads is not waited for.
  socket.on('end', () => {
    take({ t: 'close' });
    later(() => exit(1), ORPHANED_MS);
  });
  socket.on('error', () => exit(0));
}

function emit(event: HostEvent): void {
  writeAll(4, `${JSON.stringify(event)}\n`);
}

function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  while (written < bytes.length) {
    try {
      written += write(descriptor, bytes, written);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EAGAIN') Atomics.wait(PAUSE, 0, 0, 1);
      else if (descriptor === 4) exit(0);
      else return;
    }
  }
}

/** The first lines of an error: enough to act on, small enough for one event. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.slice(0, 8192);
}

const write = writeSync;
const exit: (code: number) => never = process.exit.bind(process);
const later = setTimeout;
const ORPHANED_MS = 2000;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));
