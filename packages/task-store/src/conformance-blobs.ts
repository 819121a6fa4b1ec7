/** Stories of what results and checkpoints refer to: bytes elsewhere (G9, G19). */
import type { Op } from '@holdfast/committer';
import { digestOf } from '@holdfast/model';
import type { Story } from './conformance.ts';
import { begin, by, cancel, cancelRun, claim, finished, grants, hello, lost, released, save, task } from './conformance-ops.ts';
import type { Claimed, Grant } from './ops.ts';

const digest = (letter: string) => digestOf(letter.repeat(64));
const add = (letter: string): Op =>
  ({ op: 'blob.add', digest: digest(letter), size: 10, principal: 'ada', bytesMax: 1000, wall: 1000 }) as Op;
/** Removes all that nothing refers to, and so tells what is referred to. */
const collect = { op: 'blob.collect', before: 1e12, limit: 100 } as Op;
const collected = (...letters: string[]): unknown => ({ digests: letters.map(digest) });
const withArtifacts = (given: Op, ...letters: string[]): Op => {
  const { result } = given as unknown as { result: object };
  const artifacts = letters.map((letter) => ({ name: `${letter}.txt`, digest: digest(letter), size: 10 }));
  return { ...given, result: { ...result, artifacts } } as Op;
};
const saveBlob = (n: number, epoch: number, seq: number, letter: string): Op =>
  ({ ...save(1, n, epoch, seq), blob: { digest: digest(letter), size: 10 } }) as Op;
const corrupt = (n: number, epoch: number, seq: number, of: number): Op =>
  ({ op: 'task.checkpointCorrupt', worker: 1, run: 1, n, epoch, checkpoint: { epoch: of, seq }, wall: 1000 }) as Op;
const resumeOf = (claimed: Claimed): unknown => claimed.grants.map((grant: Grant) => grant.resumeFrom ?? null);

export const blobStories: readonly Story[] = [
  {
    name: 'G19 result: names an artifact whose bytes are not there -> refused whole; with all of them there -> recorded, and they stay',
    run(bench) {
      begin(bench, [task({ retries: 1 })]);
      bench.equal(grants(bench), ['1.1.1'], 'granted');
      bench.apply(add('a'));
      bench.equal(bench.refuse(withArtifacts(finished(1, 1, 1), 'a', 'b')), 'missing_blob', 'b is missing');
      bench.equal(bench.apply(collect), collected('a'), 'the refused result took no reference');
      for (const letter of ['a', 'b', 'c']) bench.apply(add(letter));
      bench.apply(withArtifacts(finished(1, 1, 1, 'failed'), 'a', 'b', 'b'));
      bench.equal(bench.apply(collect), collected('c'), 'what a recorded result names stays');
      bench.equal(grants(bench), ['1.1.2'], 'again');
      bench.equal(bench.refuse(withArtifacts(finished(1, 1, 1), 'z')), 'duplicate', 'a result that is recorded is not looked at');
      bench.apply(withArtifacts(finished(1, 1, 2), 'a'));
      const names = bench.rows().attempts.map((row) => row.result?.artifacts?.map((one) => one.name));
      bench.equal(names, [['a.txt', 'b.txt', 'b.txt'], ['a.txt']], 'recorded');
      bench.equal(bench.apply(collect), collected(), 'all of them stay');
    },
  },
  {
    name: 'K1 checkpoint: its bytes are not there -> refused; there -> kept while it is one of the last two, let go with the task',
    run(bench) {
      begin(bench, [task({ retries: 1 }), task()]);
      bench.equal(grants(bench), ['1.1.1', '1.2.1'], 'granted');
      bench.equal(bench.refuse(saveBlob(1, 1, 1, 'a')), 'missing_blob', 'a is missing');
      for (const letter of ['a', 'b', 'c', 'd']) bench.apply(add(letter));
      bench.apply(saveBlob(1, 1, 1, 'a'));
      bench.apply(saveBlob(1, 1, 2, 'b'));
      bench.apply(saveBlob(2, 1, 1, 'd'));
      bench.equal(bench.apply(collect), collected('c'), 'c was never referred to');
      bench.apply(add('c'));
      bench.apply(saveBlob(1, 1, 3, 'c'));
      bench.equal(bench.apply(collect), collected('a'), 'the third last is let go');
      bench.apply(finished(1, 1, 1, 'failed'));
      bench.equal(bench.apply(collect), collected(), 'a task that goes on keeps them');
      const again = bench.apply<Claimed>(claim(1, 1, 10));
      const older = { epoch: 1, seq: 2, data: { at: 2 }, blob: { digest: digest('b'), size: 10 } };
      const latest = { epoch: 1, seq: 3, data: { at: 3 }, blob: { digest: digest('c'), size: 10 } };
      bench.equal(resumeOf(again), [{ ...latest, older }], 'resumes from the latest, and knows the one before');
      bench.apply(finished(1, 1, 2));
      bench.equal(bench.apply(collect), collected('b', 'c'), 'a task that is over keeps none');
      bench.apply(cancel(1, 2));
      bench.equal(bench.apply(collect), collected('d'), 'nor does one that was cancelled');
    },
  },
  {
    name: 'K3 checkpoint: its reader finds it damaged -> an event says so, and the older one is taken',
    run(bench) {
      begin(bench, [task()]);
      grants(bench);
      bench.apply(save(1, 1, 1, 1));
      bench.apply(save(1, 1, 1, 2));
      bench.apply(lost(1, 1, 1));
      bench.apply(hello('w2'));
      const next = bench.apply<Claimed>(claim(2, 1, 10));
      bench.equal(resumeOf(next), [{ epoch: 1, seq: 2, data: { at: 2 } }], 'the latest');
      bench.equal(bench.refuse(corrupt(1, 2, 2, 1)), 'stale_lease', 'another worker says so');
      bench.equal(bench.refuse(by(2, corrupt(1, 2, 9, 1))), 'unknown_checkpoint', 'one that is not kept');
      bench.apply(by(2, corrupt(1, 2, 2, 1)));
      const event = bench.rows().events.at(-1)!;
      bench.equal([event.kind, event.reason], ['checkpoint.corrupt', 'checkpoint 2 of attempt 1 is damaged'], 'the event');
      bench.apply(by(2, released(1, 1, 2)));
      bench.equal(resumeOf(bench.apply<Claimed>(claim(1, 1, 10))), [{ epoch: 1, seq: 1, data: { at: 1 } }], 'the older one');
    },
  },
  {
    name: 'K4 checkpoint: the run is cancelled -> what its tasks kept is let go',
    run(bench) {
      begin(bench, [task()]);
      grants(bench);
      bench.apply(add('a'));
      bench.apply(saveBlob(1, 1, 1, 'a'));
      bench.apply(cancelRun(1));
      bench.equal(bench.apply(collect), collected('a'), 'let go');
      bench.equal(bench.refuse(saveBlob(1, 1, 2, 'a')), 'stale_lease', 'saved after the end');
    },
  },
];
