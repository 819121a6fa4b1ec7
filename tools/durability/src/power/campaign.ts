/**
 * Many power cuts on one kind of store, each at a random moment of its work, and the search for what is missing afterwards.
 *
 * P1 Only what was acknowledged before the cut counts: an fsync under way at the cut may still report success.
 * P2 After each cut the store is opened as a coordinator opens it, and every invariant over its rows must hold.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRandom, errorText } from '@holdfast/kernel';
import { checkRows } from '@holdfast/task-store/conformance';
import type { ChildReply, ChildRequest, Control } from './child-messages.ts';
import { type Disk, type DiskRoom, formatImage, keepAsImage, mountDisk, openRoom } from './disk.ts';
import { factsDue, missing } from './facts.ts';
import { readStore } from './read-store.ts';

export interface PowerCampaign {
  readonly cuts: number;
  readonly seed: string;
  /** Spoil the store's settings. */
  readonly control?: Control;
  /** End with the first loss. Default: with a control. */
  readonly untilLoss?: boolean;
  /** Told after each cut. */
  readonly progress?: (line: string) => void;
}

export interface PowerReport {
  readonly cuts: number;
  /** Rows acknowledged before their cut. */
  readonly acknowledged: number;
  /** Rows acknowledged after it, which do not count. */
  readonly late: number;
  readonly lost: readonly string[];
  /** Broken invariants, rows from nowhere, stores that did not open. */
  readonly broken: readonly string[];
  readonly seconds: number;
}

/** Cuts the power so many times. Throws when a cut could not be made. */
export async function cutPower(campaign: PowerCampaign): Promise<PowerReport> {
  const from = process.hrtime.bigint();
  const room = openRoom(IMAGE_BYTES);
  // Each cut starts a thread that loads the store anew.
  const worker = createWorker(join(room.folder, 'compiled'));
  const total = { cuts: 0, acknowledged: 0, late: 0, lost: [] as string[], broken: [] as string[] };
  try {
    const image = await storeImage(room);
    for (let index = 0; index < campaign.cuts; index += 1) {
      const seed = `${campaign.seed}-${index}`;
      const one = await cutOnce(room, image, worker, seed, campaign.control);
      total.cuts += 1;
      total.acknowledged += one.acknowledged;
      total.late += one.late;
      total.lost.push(...one.lost.map((text) => `cut ${seed}: ${text}`));
      total.broken.push(...one.broken.map((text) => `cut ${seed}: ${text}`));
      campaign.progress?.(`cut ${index + 1}: ${one.acknowledged} rows acknowledged, ${one.lost.length} lost`);
      if ((campaign.untilLoss ?? campaign.control !== undefined) && total.lost.length > 0) break;
    }
  } finally {
    worker.end();
    room.close();
  }
  return { ...total, seconds: Number(process.hrtime.bigint() - from) / 1e9 };
}

interface OneCut {
  readonly acknowledged: number;
  readonly late: number;
  readonly lost: readonly string[];
  readonly broken: readonly string[];
}

async function cutOnce(room: DiskRoom, image: string, worker: Worker, seed: string, control: Control | undefined): Promise<OneCut> {
  const random = createRandom(seed);
  const disk = await mountDisk(room, image, 'disk');
  try {
    const path = join(disk.folder, 'holdfast.db');
    await worker.ask(
      { kind: 'work', path, seed, thread: random.chance(THREADS), ...(control === undefined ? {} : { control }) },
      'working',
    );
    await new Promise((next) => setTimeout(next, WORK_MS_MIN + random.below(WORK_MS_MORE)));
    const cutAt = await disk.cut();
    const { acks, attempted } = await worker.ask({ kind: 'stop' }, 'ended');
    await disk.restart(() => worker.end());
    const due = factsDue(acks, cutAt);
    const late = acks.reduce((sum, ack) => sum + ack.facts.length, 0) - due.length;
    const [lost, broken] = await judge(path, due, attempted);
    return { acknowledged: due.length, late, lost, broken };
  } finally {
    await disk.destroy();
  }
}

async function judge(path: string, due: ReturnType<typeof factsDue>, attempted: readonly string[]): Promise<readonly [string[], string[]]> {
  try {
    const kept = await readStore(path);
    const rotten = kept.checkpoints.filter((row) => !row.whole).map((row) => `checkpoint ${JSON.stringify(row)} does not match its digest`);
    const strange = kept.rows.runs.filter((row) => !attempted.includes(row.id)).map((row) => `run ${row.id} was never asked for`);
    return [missing(due, kept), [...strange, ...rotten, ...kept.damage, ...checkRows(kept.rows)]];
  } catch (error) {
    return [[], [`the store does not open: ${errorText(error)}`]];
  }
}

/** A disk with a store that was opened once, so that a cut costs no migrations. */
async function storeImage(room: DiskRoom): Promise<string> {
  const disk: Disk = await mountDisk(room, formatImage(room, 'empty'), 'disk');
  await readStore(join(disk.folder, 'holdfast.db'));
  const image = await keepAsImage(room, disk, 'store');
  await disk.destroy();
  return image;
}

interface Worker {
  /** Sends and resolves with the reply of that kind; starts the process when it is not there. */
  ask<Kind extends ChildReply['kind']>(request: ChildRequest, kind: Kind): Promise<Extract<ChildReply, { kind: Kind }>>;
  end(): void;
}

function createWorker(cache: string): Worker {
  let child: ChildProcess | undefined;
  const start = async (): Promise<ChildProcess> => {
    const started = fork(fileURLToPath(new URL('./store-child.ts', import.meta.url)), {
      execArgv: ['--conditions=@holdfast/source'],
      env: { ...process.env, NODE_COMPILE_CACHE: cache },
    });
    child = started;
    await once(started, 'message');
    return started;
  };
  return {
    async ask(request, kind) {
      const target = child ?? (await start());
      return new Promise((resolve, reject) => {
        const settle = (act: () => void): void => {
          target.off('message', hear).off('exit', died);
          act();
        };
        const hear = (reply: ChildReply): void => {
          if (reply.kind === kind) settle(() => resolve(reply as never));
          else if (reply.kind === 'failed') settle(() => reject(new Error(`work on the disk: ${reply.message}`)));
        };
        const died = (code: number | null, signal: string | null): void =>
          settle(() => {
            child = undefined;
            reject(new Error(`hear of the work: its process ended with ${signal ?? code}`));
          });
        target.on('message', hear).on('exit', died);
        target.send(request);
      });
    },
    end() {
      child?.kill('SIGKILL');
      child = undefined;
    },
  };
}

const IMAGE_BYTES = 24 * 1024 * 1024;
/** Share of cuts of a store in its writer's thread; the others run the same code in the process itself. */
const THREADS = 0.1;
const WORK_MS_MIN = 5;
const WORK_MS_MORE = 60;
