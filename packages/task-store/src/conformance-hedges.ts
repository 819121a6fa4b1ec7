/** Stories of second attempts. Worker 1 holds epoch 1, worker 2 gets epoch 2. */
import type { Bench, Story } from './conformance.ts';
import {
  begin,
  by,
  cancel,
  claim,
  finished,
  grants,
  hedge,
  hello,
  lost,
  paused,
  released,
  started,
  task,
  unhedge,
} from './conformance-ops.ts';
import type { Claimed, HelloApplied, TaskNow } from './ops.ts';

/** Task 1.1 is out on worker 1 and hedged; worker 2 has said hello. */
function hedged(bench: Bench, retries = 0): void {
  begin(bench, [task({ retries })]);
  grants(bench);
  bench.apply(hedge(1, 1, 1));
  bench.apply<HelloApplied>(hello('w2'));
}

export const hedgeStories: readonly Story[] = [
  {
    name: 'hedge: a second attempt starts elsewhere, never on the same worker; the first result wins',
    run(bench) {
      hedged(bench);
      bench.equal(bench.refuse(hedge(1, 1, 1)), 'already_hedged', 'again');
      const short = bench.apply<Claimed>(claim(1, 1, 5, ['d', 'c']));
      bench.equal([short.grants, short.skipped], [[], [{ class: 'c', count: 1 }]], 'the same worker gets none, and hears that one is left');
      bench.equal(grants(bench, 2, 1), ['1.1.2'], 'another does');
      bench.equal(bench.rows().tasks[0]!.fence, 1, 'both are valid');
      const now = bench.apply<TaskNow>(finished(1, 1, 1));
      bench.equal([now.state, now.revoked.map((lease) => lease.epoch)], ['passed', [2]], 'the first wins');
      bench.equal(bench.refuse(by(2, finished(1, 1, 2))), 'stale_lease', 'the second is late');
    },
  },
  {
    name: 'hedge: the worker is back in time -> the place is taken away',
    run(bench) {
      hedged(bench);
      bench.equal(bench.refuse(unhedge(1, 1, 1, 2, 1)), 'stale_lease', 'by another worker');
      bench.equal(bench.refuse(unhedge(1, 1, 1, 1, 9)), 'stale_lease', 'by another session');
      bench.apply(unhedge(1, 1, 1, 1, 1));
      bench.equal(bench.refuse(unhedge(1, 1, 1, 1, 1)), 'not_hedged', 'again');
      bench.equal(grants(bench, 2, 1), [], 'nothing to claim');
      bench.apply(hedge(1, 1, 1));
      bench.equal(grants(bench, 2, 1), ['1.1.2'], 'hedged once more');
    },
  },
  {
    name: 'hedge: finished before the second attempt was granted -> its ready row goes',
    run(bench) {
      hedged(bench);
      const now = bench.apply<TaskNow>(finished(1, 1, 1));
      bench.equal([now.unready, now.ready, now.state], [true, false, 'passed'], 'what happened');
      bench.equal(bench.refuse(hedge(1, 1, 1)), 'stale_lease', 'too late');
    },
  },
  {
    name: 'hedge: the first is lost before or after the second grant -> the task goes on with what is left',
    run(bench) {
      hedged(bench);
      const now = bench.apply<TaskNow>(lost(1, 1, 1));
      bench.equal([now.state, now.ready, now.unready], ['queued', true, true], 'no lease is left');
      bench.equal(grants(bench, 2, 1), ['1.1.2'], 'granted');
      bench.apply(by(2, started(1, 1, 2)));
      bench.apply(by(2, hedge(1, 1, 2)));
      bench.equal(grants(bench, 1, 1), ['1.1.3'], 'hedged the other way');
      bench.equal(bench.apply<TaskNow>(by(2, lost(1, 1, 2))).state, 'running', 'the younger goes on');
      bench.equal(bench.rows().tasks[0]!.fence, 3, 'fence');
      bench.equal(bench.refuse(by(2, finished(1, 1, 2))), 'stale_lease', 'the lost one is late');
      bench.equal(bench.apply<TaskNow>(finished(1, 1, 3)).state, 'passed', 'result');
    },
  },
  {
    name: 'hedge: the second is lost -> the first stays valid and the place comes back',
    run(bench) {
      hedged(bench);
      grants(bench, 2, 1);
      const now = bench.apply<TaskNow>(by(2, lost(1, 1, 2)));
      bench.equal([now.state, now.ready, now.revoked], ['leased', true, []], 'what happened');
      bench.equal(bench.refuse(by(2, finished(1, 1, 2))), 'stale_lease', 'the lost one is late');
      bench.apply<HelloApplied>(hello('w3'));
      bench.equal(grants(bench, 3, 1), ['1.1.3'], 'a third attempt');
      bench.apply(by(3, released(1, 1, 3)));
      bench.equal(bench.apply<TaskNow>(finished(1, 1, 1)).unready, true, 'the first wins after all');
    },
  },
  {
    name: 'hedge: one fails with retries left -> both are over, the task is queued',
    run(bench) {
      hedged(bench, 1);
      grants(bench, 2, 1);
      const now = bench.apply<TaskNow>(by(2, finished(1, 1, 2, 'failed')));
      bench.equal([now.state, now.ready, now.revoked.map((lease) => lease.epoch)], ['queued', true, [1]], 'retry');
      bench.equal(bench.refuse(finished(1, 1, 1)), 'stale_lease', 'the other is late');
      bench.equal(grants(bench), ['1.1.3'], 'next attempt');
    },
  },
  {
    name: 'hedge: pauses and starts of two attempts show the more active one, cancel ends both',
    run(bench) {
      hedged(bench);
      bench.apply(started(1, 1, 1));
      grants(bench, 2, 1);
      bench.apply(paused(1, 1, 1, true));
      bench.apply(by(2, started(1, 1, 2)));
      bench.equal(bench.rows().tasks[0]!.state, 'running', 'one runs');
      bench.apply(by(2, paused(1, 1, 2, true)));
      bench.equal(bench.rows().tasks[0]!.state, 'paused', 'none runs');
      bench.equal(bench.apply<TaskNow>(cancel(1, 1)).revoked.map((lease) => [lease.epoch, lease.worker]), [[1, 1], [2, 2]], 'both'); // prettier-ignore
    },
  },
];
