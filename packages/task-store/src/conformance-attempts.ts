/** Stories of attempts: claims, results, retries, losses, checkpoints. */
import type { Story } from './conformance.ts';
import {
  addTasks,
  begin,
  by,
  claim,
  finished,
  grants,
  hedge,
  hello,
  lost,
  makeReady,
  openRun,
  paused,
  released,
  save,
  sealRun,
  started,
  task,
} from './conformance-ops.ts';
import type { Claimed, HelloApplied, TaskNow } from './ops.ts';
import { FORMER_MAX } from './tables.ts';

export const attemptStories: readonly Story[] = [
  {
    name: 'claim: by priority, then order of adding, over several classes, up to the credits',
    run(bench) {
      bench.apply(openRun());
      bench.apply(openRun('r2', { class: 'd' }));
      bench.apply(addTasks(1, [task(), task({ priority: 9 }), task({ priority: 0 })]));
      bench.apply(addTasks(2, [task(), task({ priority: 0 })]));
      bench.apply(hello('w1'));
      const all = bench.apply<Claimed>(claim(1, 1, 3, ['d', 'c', 'none', 'd']));
      bench.equal(all.grants.map((grant) => `${grant.class} ${grant.run}.${grant.n}`), ['c 1.3', 'd 2.2', 'c 1.1'], 'first three'); // prettier-ignore
      bench.equal(bench.apply<Claimed>(claim(1, 1, 0)).grants, [], 'no credits');
      bench.equal(grants(bench), ['1.2.1'], 'rest of the class');
      bench.equal(bench.refuse(claim(1, 2, 1)), 'stale_session', 'another session');
      bench.equal(bench.refuse(claim(9, 1, 1)), 'stale_session', 'another worker');
    },
  },
  {
    name: 'hello: again -> session epoch higher, leases of earlier lives are told, the old session claims nothing',
    run(bench) {
      begin(bench, [task(), task()]);
      grants(bench, 1, 1, 1);
      const now = bench.apply<HelloApplied>(hello('w1', 'life 2'));
      bench.equal([now.worker, now.sessionEpoch, now.held.map((lease) => lease.incarnation)], [1, 2, ['w1 life 1']], 'hello');
      bench.equal(bench.refuse(claim(1, 1, 1)), 'stale_session', 'old session');
      bench.equal(bench.apply<HelloApplied>(hello('w2')), { worker: 2, sessionEpoch: 1, held: [] }, 'another worker');
    },
  },
  {
    name: 'G21 hello: of another principal -> refused; of a process that a later one has replaced -> superseded, also after a restart',
    run(bench) {
      begin(bench, [task()]);
      bench.equal(bench.refuse(hello('w1', 'life 1', 'eve')), 'other_principal', 'the same process, another principal');
      bench.equal(bench.refuse(hello('w1', 'life 2', 'eve')), 'other_principal', 'a new process of another principal');
      for (let life = 2; life <= 4; life += 1) bench.apply<HelloApplied>(hello('w1', `life ${life}`));
      bench.equal(bench.refuse(hello('w1', 'life 1')), 'superseded', 'the first');
      bench.equal(bench.refuse(hello('w1', 'life 3')), 'superseded', 'the last but one');
      bench.equal(bench.apply<HelloApplied>(hello('w1', 'life 4')).sessionEpoch, 5, 'the present one');
      bench.equal(bench.rows().workers[0]!.former, ['w1 life 3', 'w1 life 2', 'w1 life 1'], 'kept');
      for (let life = 5; life <= 20; life += 1) bench.apply<HelloApplied>(hello('w1', `life ${life}`));
      bench.equal(bench.rows().workers[0]!.former.length, FORMER_MAX, 'bounded');
    },
  },
  {
    name: 'G21 lease: whatever another worker says of it -> stale_lease, nothing changes',
    run(bench) {
      begin(bench, [task()]);
      grants(bench);
      bench.apply<HelloApplied>(hello('w2'));
      const strange = [started(1, 1, 1), finished(1, 1, 1), lost(1, 1, 1), released(1, 1, 1), hedge(1, 1, 1), save(1, 1, 1, 1)];
      for (const op of strange) bench.equal(bench.refuse(by(2, op)), 'stale_lease', op.op);
      bench.apply(started(1, 1, 1));
      bench.equal(bench.refuse(by(2, paused(1, 1, 1, true))), 'stale_lease', 'task.paused');
      bench.apply(save(1, 1, 1, 1));
      bench.apply(finished(1, 1, 1));
      bench.equal(bench.refuse(by(2, finished(1, 1, 1))), 'stale_lease', 'not even as a duplicate');
    },
  },
  {
    name: 'G5 result: sent again -> duplicate; of an older epoch -> stale_lease; a terminal row never changes',
    run(bench) {
      begin(bench, [task()]);
      grants(bench);
      bench.apply(lost(1, 1, 1));
      grants(bench);
      bench.equal(bench.refuse(finished(1, 1, 1)), 'stale_lease', 'older epoch');
      bench.equal(bench.refuse(finished(1, 1, 3)), 'stale_lease', 'an epoch that never was');
      bench.apply(finished(1, 1, 2));
      bench.equal(bench.refuse(finished(1, 1, 2, 'failed')), 'duplicate', 'again, otherwise');
      bench.equal(bench.refuse(lost(1, 1, 2)), 'duplicate', 'lost after its result');
      bench.equal(bench.refuse(started(1, 1, 2)), 'stale_lease', 'started after its result');
      bench.equal(bench.refuse(finished(1, 9, 1)), 'unknown_task', 'another task');
      bench.equal(bench.rows().attempts.map((row) => [row.state, row.result?.outcome ?? null]), [['lost', null], ['ended', 'passed']], 'history'); // prettier-ignore
    },
  },
  {
    name: 'attempt: started, paused and resumed follow the table, anything else is refused',
    run(bench) {
      begin(bench, [task()]);
      grants(bench);
      bench.equal(bench.refuse(paused(1, 1, 1, true)), 'bad_transition', 'paused before it started');
      bench.apply(started(1, 1, 1));
      bench.equal(bench.refuse(started(1, 1, 1)), 'bad_transition', 'started twice');
      bench.equal(bench.refuse(paused(1, 1, 1, false)), 'bad_transition', 'resumed while running');
      bench.apply(paused(1, 1, 1, true));
      bench.equal(bench.refuse(started(1, 1, 1)), 'bad_transition', 'started while paused');
      bench.apply(paused(1, 1, 1, false));
      bench.equal(bench.rows().tasks[0]!.state, 'running', 'state');
      bench.equal(bench.refuse(started(1, 9, 1)), 'unknown_task', 'another task');
    },
  },
  {
    name: 'retries: a failed attempt goes back to the queue as often as allowed, each result is kept',
    run(bench) {
      begin(bench, [task({ retries: 2 })]);
      bench.apply(sealRun(1));
      for (const [epoch, outcome] of [
        [1, 'failed'],
        [2, 'timed_out'],
      ] as const) {
        grants(bench);
        const now = bench.apply<TaskNow>(finished(1, 1, epoch, outcome));
        bench.equal([now.state, now.ready, now.run.ended], ['queued', true, false], outcome);
      }
      grants(bench);
      const now = bench.apply<TaskNow>(finished(1, 1, 3, 'errored'));
      bench.equal([now.state, now.ready, now.run.ended, now.run.counts.errored], ['errored', false, true, 1], 'out of retries');
      bench.equal(bench.rows().attempts.map((row) => row.result!.outcome), ['failed', 'timed_out', 'errored'], 'history'); // prettier-ignore
    },
  },
  {
    name: 'retries: with a delay -> not runnable until makeReady; a cancelled attempt is not retried',
    run(bench) {
      begin(bench, [task({ retries: 1, retryDelayMs: 250 }), task({ retries: 1 })]);
      grants(bench);
      const now = bench.apply<TaskNow>(finished(1, 1, 1, 'failed'));
      bench.equal([now.state, now.ready, now.delayMs], ['queued', false, 250], 'delayed');
      bench.equal(grants(bench), [], 'nothing to claim');
      bench.equal(bench.apply(makeReady(1, 1)), { class: 'c', ready: true }, 'delay over');
      bench.equal(bench.refuse(makeReady(1, 1)), 'not_delayed', 'again');
      bench.equal(bench.refuse(makeReady(1, 9)), 'unknown_task', 'another task');
      bench.equal(grants(bench), ['1.1.2'], 'claimed again');
      bench.equal(bench.apply<TaskNow>(finished(1, 2, 1, 'cancelled')).state, 'cancelled', 'ended by request');
    },
  },
  {
    name: 'G20 losses: do not use up retries, and end in dead_letter at maxLost',
    run(bench) {
      begin(bench, [task({ maxLost: 2, retries: 1 })]);
      grants(bench);
      bench.equal(bench.apply<TaskNow>(lost(1, 1, 1)).state, 'queued', 'first loss');
      grants(bench);
      bench.equal(bench.apply<TaskNow>(finished(1, 1, 2, 'failed')).state, 'queued', 'a retry is left');
      grants(bench);
      const now = bench.apply<TaskNow>(lost(1, 1, 3));
      bench.equal([now.state, now.run.counts.deadLetter, now.run.counts.lostAttempts], ['dead_letter', 1, 2], 'second loss');
    },
  },
  {
    name: 'release: back in the queue at its old place, no loss counted',
    run(bench) {
      begin(bench, [task(), task()]);
      grants(bench, 1, 1, 1);
      bench.equal(bench.apply<TaskNow>(released(1, 1, 1)).ready, true, 'ready');
      bench.equal(bench.refuse(released(1, 1, 1)), 'stale_lease', 'again');
      bench.equal(grants(bench), ['1.1.2', '1.2.1'], 'order');
      bench.equal(bench.rows().tasks[0]!.lost, 0, 'losses');
    },
  },
  {
    name: 'G9 checkpoint: monotonic per epoch, only under a valid lease, offered to the next attempt',
    run(bench) {
      begin(bench, [task()]);
      bench.equal(bench.refuse(save(1, 1, 1, 1)), 'stale_lease', 'before any grant');
      grants(bench);
      for (const seq of [1, 2, 5]) bench.apply(save(1, 1, 1, seq));
      bench.equal(bench.refuse(save(1, 1, 1, 5)), 'duplicate', 'again');
      bench.equal(bench.refuse(save(1, 1, 1, 4)), 'lower_seq', 'lower');
      bench.equal(bench.refuse(save(1, 9, 1, 4)), 'unknown_task', 'another task');
      bench.apply(lost(1, 1, 1));
      bench.equal(bench.refuse(save(1, 1, 1, 6)), 'stale_lease', 'after the loss');
      const next = bench.apply<Claimed>(claim(1, 1, 1));
      bench.equal(next.grants[0]!.resumeFrom, { epoch: 1, seq: 5, data: { at: 5 } }, 'resume point');
      bench.apply(save(1, 1, 2, 1));
      bench.apply(released(1, 1, 2));
      bench.equal(bench.apply<Claimed>(claim(1, 1, 1)).grants[0]!.resumeFrom, { epoch: 2, seq: 1, data: { at: 1 } }, 'epochs order first');
    },
  },
];
