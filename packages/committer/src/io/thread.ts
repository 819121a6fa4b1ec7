/* oxlint-disable unicorn/require-post-message-target-origin -- worker threads have no origins. */
/** The owner's side of a store thread: numbered requests, one reply each; a thread that dies fails all that wait. */
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CodedError } from '@holdfast/kernel';
import { decodeError, type Reply, type Request } from './thread-messages.ts';

export interface StoreThread {
  /** Rejects with the thread's error, or with `lostCode` when the thread dies first. */
  ask(body: unknown): Promise<unknown>;
  /** Resolves when the thread has ended; what was asked before is answered first. */
  close(): Promise<void>;
}

/** Starts a thread from an entry of this package and resolves when it has opened its file. */
export async function startThread(
  entry: string,
  data: unknown,
  lostCode: string,
  notice: (value: unknown) => void = () => {},
): Promise<StoreThread> {
  const url = siblingUrl(import.meta.url, entry);
  // Sources need the condition by which packages of the workspace find each other's sources.
  const execArgv = url.endsWith('.ts') ? ['--conditions=@holdfast/source'] : [];
  const worker = new Worker(new URL(url), { workerData: data, execArgv, env: threadEnv() });
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>();
  let nextId = 1;
  let lost: CodedError | undefined;

  const failAll = (cause: unknown): void => {
    lost ??= new CodedError(lostCode, 'hear from the store: its thread ended', { cause });
    for (const entry of waiting.values()) entry.reject(lost);
    waiting.clear();
  };
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      failAll(undefined);
      resolve();
    });
  });
  worker.on('error', failAll);
  worker.on('message', (reply: Reply) => {
    if (reply.kind === 'notice') return notice(reply.value);
    const entry = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.kind === 'done') entry?.resolve(reply.value);
    else entry?.reject(decodeError(reply.error));
  });
  const ask = (id: number, send: () => void): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (lost) {
        reject(lost);
        return;
      }
      waiting.set(id, { resolve, reject });
      send();
    });

  try {
    await ask(0, () => {});
  } catch (error) {
    await ended;
    throw error;
  }
  let closing = false;
  return {
    ask(body) {
      if (closing) return Promise.reject(new CodedError('STORE_CLOSED', 'use the store: it is closed'));
      const request: Request = { id: nextId, body };
      nextId += 1;
      return ask(request.id, () => worker.postMessage(request));
    },
    close() {
      if (!closing && !lost) worker.postMessage({ id: 0, body: null } satisfies Request);
      closing = true;
      return ended;
    },
  };
}

/** A thread does not share its process's cache of compiled code unless it is told where that is. */
function threadEnv(): NodeJS.ProcessEnv {
  const versioned = getCompileCacheDir?.();
  return versioned === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(versioned) };
}

/**
 * The URL of another entry of the package that `from` belongs to, as source or as built file, like `from` itself.
 * Works from chunks too: it looks for the package's `src` or `dist`, not for a neighbour.
 * Example: `siblingUrl(import.meta.url, 'io/sqlite')`.
 */
export function siblingUrl(from: string, entry: string): string {
  const bare = from.replace(/[?#].*$/, '');
  const extension = bare.endsWith('.ts') ? '.ts' : '.js';
  const folder = Math.max(bare.lastIndexOf('/src/') + '/src/'.length - 1, bare.lastIndexOf('/dist/') + '/dist/'.length - 1);
  return `${bare.slice(0, folder)}/${entry}${extension}`;
}
