/**
 * A runner that must be started by its own program (with flags of Node that its config names, or in another language)
 * serves the host's protocol from inside: the host starts it, hands requests on, and ends as it ends.
 *
 * I1 The inner process is reached over a socket of its own, named by `HOLDFAST_INNER`: no wrapper in between closes it,
 *    and what tests print is never taken for an event. The first thing that it says is `ready`.
 * I2 It serves until it is asked to close or its socket ends: an inner process never outlives its host.
 * I3 When it dies in a unit, the host dies with the same exit code or signal: its owner has one rule for both.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import type { HostEvent, HostRequest } from '../host-protocol.ts';
import type { HostRunner } from './host-channel.ts';

/** How to start an inner process; called again for each new one. */
export interface InnerCommand {
  /** Program and arguments. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface InnerOptions {
  readonly runner: string;
  command(): InnerCommand;
  /** A second run of a file needs a new process: the runner would not load it again. */
  readonly loadsOnce: boolean;
}

type Listed = Extract<HostEvent, { t: 'listed' }>;
type End = Extract<HostEvent, { t: 'end' }>;
type RunRequest = Extract<HostRequest, { t: 'run' }>;

/** Starts the first inner process and resolves when it serves; rejects with its last words if it ends before that. */
export async function openInner(options: InnerOptions): Promise<HostRunner> {
  let inner = await startInner(options);
  const ran = new Set<string>();
  return {
    runner: options.runner,
    version: inner.version,
    async list() {
      const listed = await inner.ask<Listed>({ t: 'list' }, 'listed');
      if (listed === undefined) throw new Error(await inner.lastWords());
      const { t: _kind, ...rest } = listed;
      return rest;
    },
    async run(request: RunRequest, emit) {
      const key = JSON.stringify(request.unit);
      if (options.loadsOnce && ran.has(key)) {
        await inner.close();
        ran.clear();
        inner = await startInner(options);
      }
      ran.add(key);
      const end = await inner.ask<End>(request, 'end', emit);
      if (end === undefined) return inner.dieAlike();
      emit(end);
    },
    close: () => inner.close(),
  };
}

interface Inner {
  readonly version: string;
  /** Sends a request and resolves with its answer; undefined: the process ended. Other events go to `hear`. */
  ask<Answer extends HostEvent>(request: HostRequest, answer: Answer['t'], hear?: (event: HostEvent) => void): Promise<Answer | undefined>;
  close(): Promise<void>;
  lastWords(): Promise<string>;
  dieAlike(): Promise<never>;
}

async function startInner({ command, runner }: InnerOptions): Promise<Inner> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
  const path = join(folder, 's');
  const { argv, cwd, env } = command();
  const [program = '', ...args] = argv;
  let hear: (event: HostEvent) => void = () => undefined;
  let socket: Socket | undefined;
  const ready = Promise.withResolvers<string>();
  const server = createServer((connection) => {
    socket = connection;
    server.close();
    rmSync(folder, { recursive: true, force: true });
    connection.on('error', () => undefined);
    readLines(connection, (event) => (event.t === 'ready' ? ready.resolve(event.version) : hear(event)));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const child = spawn(program, args, { cwd, env: { ...env, HOLDFAST_INNER: path }, stdio: ['ignore', 'inherit', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-TAIL_CHARACTERS);
    process.stderr.write(chunk);
  });
  const ended = endOf(child);
  const gone = ended.then(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const lastWords = async (): Promise<string> => {
    const { how } = await ended;
    const words = stripVTControlCharacters(said).trim();
    return `${runner} ${how}${words === '' ? '' : `; its last words:\n${words}`}`;
  };

  const version = await Promise.race([ready.promise, gone]);
  if (!socket || version === undefined) throw new Error(await lastWords());
  const link = socket;
  return {
    version,
    ask: <Answer extends HostEvent>(request: HostRequest, answer: Answer['t'], others?: (event: HostEvent) => void) =>
      new Promise<Answer | undefined>((resolve) => {
        hear = (event) => {
          if (event.t === answer) resolve(event as Answer);
          else others?.(event);
        };
        link.write(`${JSON.stringify(request)}\n`);
        // What it said last is read before its end counts.
        void gone.then(() => (link.readableEnded || link.destroyed ? resolve(undefined) : link.once('close', () => resolve(undefined))));
      }),
    lastWords,
    async close() {
      link.end(`${JSON.stringify({ t: 'close' })}\n`);
      const { code, signal } = await ended;
      if (code !== 0) throw new Error(signal === null ? `${runner} ended with exit code ${code}` : `${runner} was killed by ${signal}`);
    },
    async dieAlike() {
      const { code, signal, how } = await ended;
      process.stderr.write(`${runner} ${how}\n`);
      if (signal !== null) process.kill(process.pid, signal);
      return process.exit(code || 70);
    },
  };
}

interface InnerEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Completes "the runner ...". */
  readonly how: string;
}

function endOf(child: ChildProcess): Promise<InnerEnd> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, how: `could not be started: ${error.message}` });
    });
    child.once('close', (code, signal) => {
      resolve({ code, signal, how: signal === null ? `ended with exit code ${code}` : `was killed by ${signal}` });
    });
  });
}

function readLines(socket: Socket, take: (event: HostEvent) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  socket.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(JSON.parse(line) as HostEvent);
  });
}

const TAIL_CHARACTERS = 8192;
