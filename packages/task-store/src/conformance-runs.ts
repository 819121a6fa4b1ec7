/** Stories of runs: idempotent submission, numbering, sealing, dependencies, stopping, recovery. */
import type { Story } from './conformance.ts';
import {
  addTasks,
  begin,
  cancel,
  cancelRun,
  finished,
  grants,
  hello,
  interruptRun,
  makeReady,
  openRun,
  resumeRun,
  sealRun,
  startCoordinator,
  task,
} from './conformance-ops.ts';
import type { AddedTasks, OpenedRun, ResumedRun, RunNow, RunStopped, Started, TaskNow } from './ops.ts';

export const runStories: readonly Story[] = [
  {
    name: 'G3 run: opened again with the same key -> the same run; with another hash -> refused',
    run(bench) {
      bench.apply(openRun('r1', { key: 'k', keyHash: 'h' }));
      bench.equal(bench.apply<OpenedRun>(openRun('r2', { key: 'k', keyHash: 'h' })), { run: 1, id: 'r1', existing: true }, 'the same run');
      bench.equal(bench.refuse(openRun('r3', { key: 'k', keyHash: 'other' })), 'idempotency_mismatch', 'reason');
      bench.equal(bench.apply<OpenedRun>(openRun('r3', { key: 'k2', keyHash: 'h' })).run, 2, 'another key');
    },
  },
  {
    name: 'run: tasks added twice with expect -> the second call is refused, also after sealing',
    run(bench) {
      bench.apply(openRun());
      bench.equal(bench.apply<AddedTasks>(addTasks(1, [task(), task()], 0)), { first: 1, count: 2, ready: 2, cancelled: [] }, 'first call');
      bench.equal(bench.refuse(addTasks(1, [task(), task()], 0)), 'already_added', 'repeated');
      bench.apply(sealRun(1));
      bench.equal(bench.refuse(addTasks(1, [task(), task()], 0)), 'already_added', 'repeated after sealing');
      bench.equal(bench.refuse(addTasks(1, [task()])), 'run_closed', 'more after sealing');
      bench.equal(bench.refuse(addTasks(9, [task()])), 'unknown_run', 'another run');
      bench.equal(bench.refuse(sealRun(9)), 'unknown_run', 'sealing another run');
    },
  },
  {
    name: 'run: sealed empty, or after its last task -> finished once',
    run(bench) {
      bench.apply(openRun());
      bench.equal(bench.apply<RunNow>(sealRun(1)).ended, true, 'ended by sealing');
      bench.equal(bench.apply<RunNow>(sealRun(1)).ended, false, 'ended once');
      bench.apply(openRun('r2'));
      bench.apply(addTasks(2, [task()]));
      bench.apply(hello('w1'));
      grants(bench);
      bench.equal(bench.apply<TaskNow>(finished(2, 1, 1)).run.ended, false, 'open runs do not end');
      bench.equal(bench.apply<RunNow>(sealRun(2)).state, 'finished', 'state');
    },
  },
  {
    name: 'dependencies: a task waits until all its prerequisites passed, and is cancelled with one that did not',
    run(bench) {
      bench.apply(openRun());
      bench.equal(bench.refuse(addTasks(1, [task({}, [1])])), 'unknown_dependency', 'on itself');
      bench.equal(bench.refuse(addTasks(1, [task({}, [7])])), 'unknown_dependency', 'on a later one');
      const tasks = [task(), task(), task({}, [1, 2, 2]), task({}, [3]), task({}, [2]), task({}, [4, 5])];
      bench.equal(bench.apply<AddedTasks>(addTasks(1, tasks)).ready, 2, 'runnable at once');
      bench.apply(sealRun(1));
      bench.apply(hello('w1'));
      bench.equal(grants(bench), ['1.1.1', '1.2.1'], 'only those without prerequisites');
      bench.equal(bench.apply<TaskNow>(finished(1, 1, 1)).released, [], 'one of two passed');
      bench.equal(bench.apply<TaskNow>(finished(1, 2, 1)).released, [{ class: 'c', count: 2 }], 'both passed');
      bench.equal(grants(bench), ['1.3.1', '1.5.1'], 'released');
      const now = bench.apply<TaskNow>(finished(1, 3, 1, 'failed'));
      bench.equal([now.run.counts.cancelled, now.run.counts.remaining], [2, 1], 'all that wait are cancelled');
      const reasons = [{ n: 4, reason: 'task 3 did not pass' }, { n: 6, reason: 'task 4 did not pass' }]; // prettier-ignore
      bench.equal(now.cancelled, reasons, 'and are told, each with its prerequisite');
      bench.equal(bench.apply<TaskNow>(finished(1, 5, 1)).run.state, 'finished', 'the run ends');
    },
  },
  {
    name: 'dependencies: a task added after its prerequisite failed -> cancelled at once',
    run(bench) {
      begin(bench, [task(), task()]);
      grants(bench);
      bench.apply(finished(1, 1, 1, 'failed'));
      bench.apply(finished(1, 2, 1));
      const added = bench.apply<AddedTasks>(addTasks(1, [task({}, [1]), task({}, [2]), task({}, [3])]));
      const reasons = [{ n: 3, reason: 'task 1 did not pass' }, { n: 5, reason: 'task 3 did not pass' }]; // prettier-ignore
      bench.equal([added.ready, added.cancelled], [1, reasons], 'what was added');
      bench.equal(bench.rows().runs[0]!.counts.cancelled, 2, 'cancelled');
    },
  },
  {
    name: 'G14 task: cancelled -> its later result is stale; a result committed before wins',
    run(bench) {
      begin(bench, [task(), task(), task()]);
      grants(bench, 1, 1, 2);
      bench.equal(bench.apply<TaskNow>(cancel(1, 1)).revoked.length, 1, 'its lease is revoked');
      bench.equal(bench.refuse(finished(1, 1, 1)), 'stale_lease', 'late result');
      bench.apply(finished(1, 2, 1));
      bench.equal(bench.refuse(cancel(1, 2)), 'terminal', 'late cancel');
      bench.equal(bench.apply<TaskNow>(cancel(1, 3)).unready, true, 'a queued task loses its ready row');
      bench.equal(bench.refuse(cancel(1, 9)), 'unknown_task', 'another task');
    },
  },
  {
    name: 'G14 run: cancelled -> every unfinished task is, leases are revoked, nothing is granted',
    run(bench) {
      begin(bench, [task(), task(), task({}, [1])]);
      grants(bench, 1, 1, 1);
      const stopped = bench.apply<RunStopped>(cancelRun(1));
      bench.equal(
        [stopped.revoked.length, stopped.unready, stopped.run.counts.cancelled, stopped.run.ended],
        [1, 1, 3, true],
        'what stopped',
      );
      bench.equal(grants(bench), [], 'grants');
      bench.equal(bench.refuse(cancelRun(1)), 'terminal', 'again');
      bench.equal(bench.refuse(resumeRun(1)), 'terminal', 'resume');
      bench.equal(bench.refuse(addTasks(1, [task()])), 'run_closed', 'more tasks');
    },
  },
  {
    name: 'run: interrupted -> leases come back without loss, nothing is granted until it is resumed',
    run(bench) {
      begin(bench, [task(), task(), task({ retries: 1, retryDelayMs: 50 })]);
      grants(bench, 1, 1, 1);
      bench.apply(sealRun(1));
      const stopped = bench.apply<RunStopped>(interruptRun(1));
      bench.equal([stopped.revoked.length, stopped.unready, stopped.run.state, stopped.run.ended], [1, 2, 'interrupted', false], 'stopped');
      bench.equal(grants(bench), [], 'grants while interrupted');
      bench.equal(bench.refuse(finished(1, 1, 1)), 'stale_lease', 'late result');
      bench.equal(bench.apply<RunStopped>(interruptRun(1)).unready, 0, 'again');
      const resumed = bench.apply<ResumedRun>(resumeRun(1));
      bench.equal([resumed.ready, resumed.run.state], [3, 'sealed'], 'resumed');
      bench.equal(grants(bench), ['1.1.2', '1.2.1', '1.3.1'], 'grants after');
      bench.apply(finished(1, 3, 1, 'failed'));
      bench.apply(interruptRun(1));
      bench.equal(bench.refuse(makeReady(1, 3)), 'not_delayed', 'an interrupt ends retry delays');
      bench.equal(bench.apply<ResumedRun>(resumeRun(1)).ready, 3, 'all of them');
    },
  },
  {
    name: 'G1 coordinator: started again -> higher epoch, and all it needs to go on',
    run(bench) {
      bench.equal(
        bench.apply<Started>(startCoordinator()),
        { epoch: 1, runs: [], workers: [], leases: [], ready: [], delayed: [] },
        'empty',
      );
      begin(bench, [task({ retries: 1, retryDelayMs: 250 }), task(), task(), task({}, [3])]);
      grants(bench, 1, 1, 2);
      bench.apply(finished(1, 1, 1, 'errored'));
      bench.apply(openRun('r2', { class: 'a' }));
      bench.apply(addTasks(2, [task()]));
      bench.apply(openRun('r3'));
      bench.apply(sealRun(3));
      const now = bench.apply<Started>(startCoordinator());
      bench.equal(now.epoch, 2, 'epoch');
      bench.equal(now.runs.map((run) => [run.run, run.state, run.spec.env]), [[1, 'open', { A: '1' }], [2, 'open', { A: '1' }]], 'runs'); // prettier-ignore
      bench.equal(now.workers, [{ worker: 1, id: 'w1', principal: 'ada', incarnation: 'w1 life 1', sessionEpoch: 1 }], 'workers');
      const lease = { run: 1, n: 2, epoch: 1, worker: 1, incarnation: 'w1 life 1', state: 'leased', onDisconnect: 'hedge', hedged: false };
      bench.equal(now.leases, [lease], 'leases');
      bench.equal(now.ready, [{ class: 'a', count: 1 }, { class: 'c', count: 1 }], 'ready'); // prettier-ignore
      bench.equal(now.delayed, [{ run: 1, n: 1, delayMs: 250 }], 'delayed');
    },
  },
];
