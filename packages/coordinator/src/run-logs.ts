/**
 * What attempts print: one file per task, `<data>/runs/<id>/logs/<n>.ndjson`, one JSON object per chunk.
 *
 * L1 A chunk is kept once: its key is (attempt, offset), and offsets of an attempt only rise in the file.
 * L2 Of each attempt the first `bytesPerAttemptMax` bytes are kept; a last chunk says that the rest is missing.
 * L3 Log never waits for results nor results for log: writes queue here, at most `backlogMax` bytes; beyond, chunks are dropped, counted.
 */
import { createReadStream, existsSync } from 'node:fs';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { LogChunk } from '@holdfast/client';
import type { RunId } from '@holdfast/model';

export interface RunLogs {
  /** Keeps a chunk, soon. */
  append(id: RunId, chunk: LogChunk): void;
  /** Resolves when everything appended so far is written. */
  flush(): Promise<void>;
  /** The kept lines of a task as bytes; undefined: it printed nothing. */
  open(id: RunId, n: number): Readable | undefined;
  /** Chunks dropped so far. */
  readonly dropped: number;
}

interface TaskLog {
  readonly path: string;
  /** What is known of the file. Undefined until it was read. */
  written: Written | undefined;
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
      task.written ??= await readWritten(task.path);
      const { ends } = task.written;
      const lines: string[] = [];
      for (const chunk of chunks) {
        const end = ends.get(chunk.epoch) ?? 0;
        if (chunk.offset < end) continue;
        const next = chunk.offset + Buffer.byteLength(chunk.text);
        ends.set(chunk.epoch, next);
        if (next <= bytesPerAttemptMax) lines.push(`${JSON.stringify(chunk)}\n`);
        else dropped += 1;
        const isFirstCut = next > bytesPerAttemptMax && end <= bytesPerAttemptMax;
        if (isFirstCut)
          lines.push(`${JSON.stringify({ ...chunk, text: `\n[cut: only ${bytesPerAttemptMax} bytes of an attempt are kept]\n` })}\n`);
      }
      if (lines.length === 0) return;
      await mkdir(dirname(task.path), { recursive: true, mode: 0o700 });
      const text = lines.join('');
      await appendFile(task.path, task.written.endsInLine ? `\n${text}` : text, { mode: 0o600 });
      task.written.endsInLine = false;
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
      const task = tasks.get(path) ?? { path, written: undefined, backlog: [] };
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

interface Written {
  /** Where each attempt's log ends, by epoch. */
  readonly ends: Map<number, number>;
  /** A crash cut its last line short. */
  endsInLine: boolean;
}

async function readWritten(path: string): Promise<Written> {
  const ends = new Map<number, number>();
  if (!existsSync(path)) return { ends, endsInLine: false };
  const text = await readFile(path, 'utf8');
  for (const line of text.split('\n')) {
    const chunk = parseChunk(line);
    if (chunk) ends.set(chunk.epoch, Math.max(ends.get(chunk.epoch) ?? 0, chunk.offset + Buffer.byteLength(chunk.text)));
  }
  return { ends, endsInLine: text !== '' && !text.endsWith('\n') };
}

/** A line of a log file; undefined: a crash cut it short. */
export function parseChunk(line: string): LogChunk | undefined {
  if (!line.endsWith('}')) return undefined;
  try {
    return JSON.parse(line) as LogChunk;
  } catch {
    return undefined;
  }
}

const BACKLOG_MAX = 8_388_608;
const TASKS_REMEMBERED_MAX = 4096;
