/**
 * What attempts print: one file per task, `<data>/runs/<id>/logs/<n>.ndjson`, one JSON object per chunk.
 *
 * L1 A chunk is kept once: its key is (attempt, offset), and offsets of an attempt only rise in the file.
 * L2 Of each attempt at most `bytesPerAttemptMax` are kept; the file says how many were left out, when the next attempt begins or is read.
 * L3 Log never waits for results nor results for log: writes queue here, at most `backlogMax` bytes; beyond, chunks are dropped, counted.
 */
import { createReadStream, existsSync } from 'node:fs';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LogChunk } from '@holdfast/client';
import type { RunId } from '@holdfast/model';

export interface RunLogs {
  /** Keeps a chunk, soon. */
  append(id: RunId, chunk: LogChunk): void;
  /** Resolves when everything appended so far is written. */
  flush(): Promise<void>;
  /** The kept lines of a task as bytes; undefined: it printed nothing. */
  open(id: RunId, n: number): NodeJS.ReadableStream | undefined;
  /** Chunks dropped so far. */
  readonly dropped: number;
}

interface TaskLog {
  readonly path: string;
  /** Next offset by epoch: what is known to be in the file. Undefined until the file was read. */
  ends: Map<number, number> | undefined;
  backlog: LogChunk[];
}

/** Opens the logs below `dataFolder`. `failed` hears of disk errors; logs are then dropped, never the node. */
export function openRunLogs(dataFolder: string, bytesPerAttemptMax: number, failed: (error: unknown) => void): RunLogs {
  const tasks = new Map<string, TaskLog>();
  let backlogBytes = 0;
  let dropped = 0;
  let writing: Promise<void> | undefined;

  const pathOf = (id: RunId, n: number): string => join(dataFolder, 'runs', id, 'logs', `${n}.ndjson`);

  const write = async (task: TaskLog): Promise<void> => {
    const chunks = task.backlog;
    task.backlog = [];
    try {
      task.ends ??= await readEnds(task.path);
      const lines: string[] = [];
      for (const chunk of chunks) {
        const end = task.ends.get(chunk.epoch) ?? 0;
        const next = chunk.offset + Buffer.byteLength(chunk.text);
        if (chunk.offset < end) continue;
        task.ends.set(chunk.epoch, next);
        if (next <= bytesPerAttemptMax) lines.push(`${JSON.stringify(chunk)}\n`);
        else dropped += 1;
      }
      if (lines.length === 0) return;
      await mkdir(dirname(task.path), { recursive: true, mode: 0o700 });
      await appendFile(task.path, lines.join(''), { mode: 0o600 });
    } catch (error) {
      dropped += chunks.length;
      failed(error);
    } finally {
      for (const chunk of chunks) backlogBytes -= chunk.text.length;
    }
  };

  const writeAll = async (): Promise<void> => {
    for (;;) {
      const task = [...tasks.values()].find((one) => one.backlog.length > 0);
      if (!task) break;
      await write(task);
    }
    writing = undefined;
    for (const key of tasks.keys()) if (tasks.size > TASKS_REMEMBERED_MAX) tasks.delete(key);
  };

  return {
    append(id, chunk) {
      if (backlogBytes + chunk.text.length > BACKLOG_MAX) {
        dropped += 1;
        return;
      }
      const path = pathOf(id, chunk.n);
      const task = tasks.get(path) ?? { path, ends: undefined, backlog: [] };
      tasks.set(path, task);
      task.backlog.push(chunk);
      backlogBytes += chunk.text.length;
      writing ??= writeAll();
    },
    flush: async () => {
      await writing;
    },
    open(id, n) {
      const path = pathOf(id, n);
      return existsSync(path) ? createReadStream(path) : undefined;
    },
    get dropped() {
      return dropped;
    },
  };
}

/** Where each attempt's log ends in the file. A last line cut short by a crash is passed over. */
async function readEnds(path: string): Promise<Map<number, number>> {
  const ends = new Map<number, number>();
  if (!existsSync(path)) return ends;
  for (const line of (await readFile(path, 'utf8')).split('\n')) {
    if (!line.endsWith('}')) continue;
    const chunk = JSON.parse(line) as LogChunk;
    ends.set(chunk.epoch, Math.max(ends.get(chunk.epoch) ?? 0, chunk.offset + Buffer.byteLength(chunk.text)));
  }
  return ends;
}

const BACKLOG_MAX = 8_388_608;
const TASKS_REMEMBERED_MAX = 4096;
