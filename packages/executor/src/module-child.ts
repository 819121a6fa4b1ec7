/**
 * The program of a module task: loads the user's module, calls it, and tells how it ended.
 *
 * Events are written synchronously: nothing that was said is lost when the module ends the process.
 */
import { realpathSync, writeSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { Socket } from 'node:net';
import { relative, isAbsolute, sep } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { packState } from './checkpoint-state.ts';
import type { ModuleEvent, ModuleRequest } from './module-channel.ts';
import type { TaskContext, TaskFunction } from './task-context.ts';

type Open = Extract<ModuleRequest, { t: 'open' }>;

const exit: (code: number) => never = process.exit.bind(process);
const write = writeSync;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));
const ENTRY = 'holdfast:task';
const abort = new AbortController();
const settled = new Map<number, (problem: string | undefined) => void>();
let lastSeq = 0;
let checkpoints: Promise<void> = Promise.resolve();

process.on('SIGTERM', () => abort.abort(new Error('the attempt is to end')));
process.on('uncaughtException', (error) => end('thrown', error));
process.on('unhandledRejection', (error) => end('thrown', error));

const channel = new Socket({ fd: 3, readable: true, writable: false });
channel.unref();
// Without its executor there is nobody to work for.
channel.on('end', () => exit(70));
createInterface({ input: channel, crlfDelay: Infinity }).on('line', (line) => {
  const request = JSON.parse(line) as ModuleRequest;
  if (request.t === 'open') void run(request);
  else {
    settled.get(request.seq)?.(request.problem);
    settled.delete(request.seq);
  }
});
// The first request has to be waited for; later ones must not keep a process alive whose module has nothing left to do.
channel.ref();

async function run(open: Open): Promise<void> {
  const task = await load(open);
  if (!task) return;
  channel.unref();
  try {
    await task(contextOf(open));
  } catch (error) {
    end('thrown', error);
  }
  await checkpoints.catch(() => undefined);
  send({ t: 'end', how: 'returned' });
  exit(0);
}

async function load(open: Open): Promise<TaskFunction | undefined> {
  let url = '';
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== ENTRY) return next(specifier, context);
      const found = next(open.specifier, { ...context, parentURL: open.parent });
      url = found.url;
      return found;
    },
  });
  let loaded: { default?: unknown };
  try {
    // Resolved before it is loaded: nothing outside the folders may run.
    const resolved = import.meta.resolve(ENTRY);
    url ||= resolved;
    if (!isAllowed(url, open.folders)) end('denied', new Error(`${open.specifier} is outside the folders that this worker allows`));
    loaded = (await import(url)) as { default?: unknown };
  } catch (error) {
    return end('load', error);
  }
  if (typeof loaded.default === 'function') return loaded.default as TaskFunction;
  return end('load', new Error(`${open.specifier} has no default export that is a function`));
}

function isAllowed(url: string, folders: readonly string[]): boolean {
  if (!url.startsWith('file:')) return false;
  const path = realpathSync(fileURLToPath(url));
  return folders.some((folder) => {
    const way = relative(folder, path);
    return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  });
}

function contextOf(open: Open): TaskContext {
  return {
    input: open.input,
    attempt: open.attempt,
    signal: abort.signal,
    ...(open.resumeFrom === undefined ? {} : { resumeFrom: open.resumeFrom }),
    progress(fraction, note) {
      const bounded = Math.min(1, Math.max(0, Number(fraction) || 0));
      send({ t: 'progress', fraction: bounded, ...(note === undefined ? {} : { note: String(note).slice(0, NOTE_LENGTH_MAX) }) });
    },
    log: (text) => void process.stdout.write(`${String(text)}\n`),
    async checkpoint(state) {
      // As JSON at the time of the call: what the module changes later does not count.
      const data = packState(state);
      // One at a time: memory holds one state, and the order in which they become durable is the order of the calls.
      const turn = checkpoints.catch(() => undefined).then(() => save(data));
      checkpoints = turn;
      await turn;
    },
  };
}

function save(text: string): Promise<void> {
  lastSeq += 1;
  const seq = lastSeq;
  channel.ref();
  return new Promise((resolve, reject) => {
    settled.set(seq, (problem) => {
      channel.unref();
      if (problem === undefined) resolve();
      else reject(new Error(`save a checkpoint: ${problem}`));
    });
    send({ t: 'checkpoint', seq, text });
  });
}

/** Tells why it cannot go on, and ends. */
function end(how: 'denied' | 'load' | 'thrown', error: unknown): never {
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  send({
    t: 'end',
    how,
    message: message.slice(0, TEXT_LENGTH_MAX),
    ...(stack === undefined ? {} : { stack: stack.slice(0, TEXT_LENGTH_MAX) }),
  });
  return exit(1);
}

function send(event: ModuleEvent): void {
  writeAll(4, `${JSON.stringify(event)}\n`);
}

function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length;) {
    try {
      written += write(descriptor, bytes, written);
    } catch (error) {
      // A full pipe: the executor will read on. Anything else: it is gone.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') exit(70);
      Atomics.wait(PAUSE, 0, 0, 1);
    }
  }
}

const NOTE_LENGTH_MAX = 1024;
const TEXT_LENGTH_MAX = 32 * 1024;
