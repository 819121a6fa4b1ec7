/** Forgets finished runs in the background: a bounded batch at a time, with the node's commits in between. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AsyncCommitter } from '@holdfast/committer';
import { nodeClock } from '@holdfast/kernel/node';
import type { PrunedRuns, PruneRuns } from '@holdfast/task-store/sqlite';
import type { Logger } from './process-log.ts';

/** Which runs that are over are kept; absent: all. */
export interface Retention {
  /** So many, newest first. ≥ 1. */
  readonly keepRuns?: number;
  /** For so many days after their end. */
  readonly keepDays?: number;
}

/** Looks now and every minute. Returns how to stop it: resolves when nothing of it is under way any more. */
export function startRetention(
  retention: Retention,
  dataFolder: string,
  committer: Pick<AsyncCommitter, 'commit'>,
  log: Logger,
): () => Promise<void> {
  const { keepRuns, keepDays } = retention;
  if (keepRuns === undefined && keepDays === undefined) return () => Promise.resolve();
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  const batch = async (): Promise<boolean> => {
    const op: PruneRuns = {
      op: 'retention.prune',
      limit: ROWS_PER_BATCH,
      wall: nodeClock.wall(),
      ...(keepRuns === undefined ? {} : { keep: keepRuns }),
      ...(keepDays === undefined ? {} : { beforeWall: nodeClock.wall() - keepDays * DAY_MS }),
    };
    const [verdict] = await committer.commit([op]);
    if (verdict?.kind !== 'applied') return false;
    const { forgotten, rows, more } = verdict.value as PrunedRuns;
    for (const id of forgotten) rmSync(join(dataFolder, 'runs', id), { recursive: true, force: true });
    if (rows + forgotten.length > 0) log.info({ event: 'runs.forgotten', runs: forgotten.length, rows });
    return more;
  };
  const look = async (): Promise<void> => {
    let more = false;
    try {
      more = await batch();
    } catch (error) {
      // A full disk, or a store in doubt, of which the node hears by itself.
      log.warn({ event: 'runs.notForgotten', err: error }, 'old runs could not be forgotten');
    }
    if (!stopped) timer = setTimeout(begin, more ? BETWEEN_BATCHES_MS : EVERY_MS);
  };
  const begin = (): void => void (running = look());
  begin();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
    clearTimeout(timer);
  };
}

const ROWS_PER_BATCH = 2000;
const BETWEEN_BATCHES_MS = 20;
const EVERY_MS = 60_000;
const DAY_MS = 86_400_000;
