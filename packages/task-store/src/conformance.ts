/**
 * The suite that every adapter of this store passes. Free of any test framework: give it a function that registers a test.
 *
 * Example: `conformance((name, run) => test(name, run), () => openMyStore())`.
 */
import type { Op, Verdict } from '@holdfast/committer';
import { CodedError } from '@holdfast/kernel';
import { attemptStories } from './conformance-attempts.ts';
import { blobStories } from './conformance-blobs.ts';
import { hedgeStories } from './conformance-hedges.ts';
import { runStories } from './conformance-runs.ts';
import { checkRows } from './invariants.ts';
import type { TaskRows } from './tables.ts';

export { checkRows } from './invariants.ts';
export { type Replayed, type ReplayedRun, type ReplayedTask, replayEvents } from './replay.ts';

/** A store under test: tasks, checkpoints and the ledger of blobs in one committer. */
export interface StoreUnderTest {
  commit(ops: readonly Op[]): Verdict[];
  rows(): TaskRows;
  /** Closes and opens again what is durable; absent: the adapter forgets when it closes. */
  reopen?(): Promise<void>;
  close(): void;
}

/** One named story. `run` throws when the store behaves otherwise. */
export interface Story {
  readonly name: string;
  /** `check` throws unless `claim` holds. */
  run(store: Bench): void;
}

/** What a story works with. */
export interface Bench {
  /** Commits one op and returns the value of its applied verdict, or throws. */
  apply<Value = never>(op: Op): Value;
  /** Commits one op and returns the reason of its refusal, or throws. */
  refuse(op: Op): string;
  rows(): TaskRows;
  /** Throws unless both are equal as JSON. */
  equal(found: unknown, wanted: unknown, what: string): void;
}

/** Registers all stories; after each step of each, every invariant of `checkRows` is checked. */
export function conformance(register: (name: string, run: () => Promise<void>) => void, open: () => Promise<StoreUnderTest>): void {
  for (const story of [...runStories, ...attemptStories, ...hedgeStories, ...blobStories]) {
    register(story.name, async () => {
      const store = await open();
      try {
        story.run(createBench(store));
        if (store.reopen) {
          const before = store.rows();
          await store.reopen();
          equal(store.rows(), before, 'G1 rows after a restart');
        }
      } finally {
        store.close();
      }
    });
  }
}

function createBench(store: StoreUnderTest): Bench {
  const decide = (op: Op): Verdict => {
    const before = JSON.stringify(store.rows());
    const verdict = store.commit([op])[0]!;
    if (verdict.kind === 'refused') equal(JSON.stringify(store.rows()), before, `rows after the refused ${op.op}`);
    equal(checkRows(store.rows()), [], `invariants after ${op.op}`);
    return verdict;
  };
  return {
    apply<Value>(op: Op): Value {
      const verdict = decide(op);
      if (verdict.kind === 'refused') throw broken(`${op.op} is applied`, { op, verdict });
      return verdict.value as Value;
    },
    refuse(op) {
      const verdict = decide(op);
      if (verdict.kind === 'applied') throw broken(`${op.op} is refused`, { op, verdict });
      return verdict.reason;
    },
    rows: () => store.rows(),
    equal,
  };
}

function equal(found: unknown, wanted: unknown, what: string): void {
  const texts = [JSON.stringify(found), JSON.stringify(wanted)];
  if (texts[0] !== texts[1]) throw broken(what, { found, wanted });
}

const broken = (what: string, details: Readonly<Record<string, unknown>>): CodedError =>
  new CodedError('STORE_NOT_CONFORMING', `conform: ${what}: ${JSON.stringify(details)}`, { details });
