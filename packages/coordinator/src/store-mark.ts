/**
 * Notices a store that went backwards: an older backup, a restored snapshot of the machine, another file in its place.
 *
 * W1 What was seen stands outside the database: in `store.mark` beside it, and with every worker, which shows what it was last given.
 * W2 The file never runs ahead of the store: it is written after the commit of the mark it names.
 * W3 A worker can halt the coordinator only with a mark that this store has signed: no liar can.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AsyncCommitter } from '@holdfast/committer';
import { CodedError, hasCode } from '@holdfast/kernel';
import { nodeEntropy } from '@holdfast/kernel/node';
import { replaceFile } from './local-files.ts';
import { isBeyond, markMoment, type MarkStore, markText, type Moment, type StoreIdentity } from './store-identity.ts';

export interface StoreMark {
  /** What workers are given. */
  readonly text: string;
  /** A worker showed what it was last given. Returns the error that ends this coordinator, if that proves that the store is older. */
  shown(text: string, by: string): CodedError | undefined;
  /** Raises the generation: what was committed until now is missed from now on. A full disk is passed over. */
  advance(): Promise<void>;
}

/**
 * Checks the store against the file beside it and marks it anew. `acceptOlder`: takes it as it is.
 * Errors: `STORE_OLDER` with exit code 78; those of the store.
 */
export async function openStoreMark(
  committer: Pick<AsyncCommitter, 'commit'>,
  dataFolder: string,
  acceptOlder: boolean,
): Promise<StoreMark> {
  const path = join(dataFolder, MARK_FILE);
  const life = hex(8);
  const mark = async (more: Partial<MarkStore>): Promise<StoreIdentity> => {
    const op: MarkStore = { op: 'store.mark', life, fresh: { id: hex(8), key: hex(32) }, ...more };
    const [verdict] = await committer.commit([op]);
    if (verdict!.kind === 'refused') {
      if (verdict!.reason === 'went_backwards') throw older(`${path} names generation ${more.seen!.generation}`, verdict!.row as never);
      throw new CodedError('STORE_FULL', 'mark the store: the disk is full, and it has no mark yet', { details: { exitCode: 75 } });
    }
    const identity = verdict!.value as StoreIdentity;
    if (more.look !== true)
      replaceFile(path, `${JSON.stringify({ id: identity.id, life, generation: identity.generation } satisfies Moment)}\n`);
    return identity;
  };
  const seen = readMark(path);
  const markUnlessFull = async (more: Partial<MarkStore>): Promise<StoreIdentity> => {
    try {
      return await mark(more);
    } catch (error) {
      if (!hasCode(error, 'STORE_FULL')) throw error;
      // Nothing new can be committed, so nothing new has to be marked.
      return mark({ ...more, look: true });
    }
  };
  let identity = await markUnlessFull({ ...(seen ? { seen } : {}), accept: acceptOlder });
  return {
    get text() {
      return markText(identity);
    },
    shown(text, by) {
      const moment = markMoment(text, identity);
      if (!moment || !isBeyond(moment, new Map(identity.lives))) return undefined;
      return older(`a worker at ${by} was given generation ${moment.generation}`, identity);
    },
    async advance() {
      identity = await markUnlessFull({});
    },
  };
}

function older(evidence: string, found: { readonly generation: number }): CodedError {
  return new CodedError(
    'STORE_OLDER',
    `go on with this store: it went backwards: ${evidence}, of which it knows nothing; restore a newer backup, or take this one with --accept-older`,
    { details: { generation: found.generation, exitCode: 78 } },
  );
}

function readMark(path: string): Moment | undefined {
  try {
    const { id, life, generation } = JSON.parse(readFileSync(path, 'utf8')) as Record<keyof Moment, unknown>;
    return typeof id === 'string' && typeof life === 'string' && typeof generation === 'number' ? { id, life, generation } : undefined;
  } catch (error) {
    // Half of one was never there: files are replaced whole. What cannot be read says nothing.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const hex = (bytes: number): string => Buffer.from(nodeEntropy.bytes(bytes)).toString('hex');
const MARK_FILE = 'store.mark';
/** The header by which a worker shows a mark on the upgrade of its link. */
export const MARK_HEADER = 'holdfast-store';
