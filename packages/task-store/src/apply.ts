/** The applier of every adapter: one decision per op over the adapter's tables. */
import type { Op, Verdict } from '@holdfast/committer';
import { unreachable } from '@holdfast/kernel';
import {
  cancelTask,
  claim,
  finishAttempt,
  hedgeAttempt,
  helloWorker,
  loseAttempt,
  makeTaskReady,
  pauseAttempt,
  releaseAttempt,
  startAttempt,
  unhedgeAttempt,
} from './attempt-ops.ts';
import type { Neighbours } from './neighbours.ts';
import type { TaskOp } from './ops.ts';
import { dropCheckpoint } from './resume.ts';
import { addTasks, cancelRun, interruptRun, openRun, resumeRun, sealRun, startCoordinator } from './run-ops.ts';
import type { TaskTables } from './tables.ts';

/** Returns what a store module's `open` returns. Ops with an unknown name are a bug and assert. */
export function createTaskApplier(tables: TaskTables, neighbours: Neighbours): (op: Op) => Verdict {
  return (op) => decide(tables, op as TaskOp, neighbours);
}

function decide(tables: TaskTables, op: TaskOp, neighbours: Neighbours): Verdict {
  switch (op.op) {
    case 'task.startCoordinator':
      return startCoordinator(tables, op);
    case 'task.openRun':
      return openRun(tables, op);
    case 'task.addTasks':
      return addTasks(tables, op);
    case 'task.sealRun':
      return sealRun(tables, op);
    case 'task.hello':
      return helloWorker(tables, op);
    case 'task.claim':
      return claim(tables, op, neighbours);
    case 'task.started':
      return startAttempt(tables, op);
    case 'task.paused':
      return pauseAttempt(tables, op);
    case 'task.finished':
      return finishAttempt(tables, op, neighbours);
    case 'task.lost':
      return loseAttempt(tables, op, neighbours);
    case 'task.released':
      return releaseAttempt(tables, op, neighbours);
    case 'task.checkpointCorrupt':
      return dropCheckpoint(tables, op, neighbours);
    case 'task.hedge':
      return hedgeAttempt(tables, op);
    case 'task.unhedge':
      return unhedgeAttempt(tables, op);
    case 'task.makeReady':
      return makeTaskReady(tables, op);
    case 'task.cancel':
      return cancelTask(tables, op, neighbours);
    case 'task.cancelRun':
      return cancelRun(tables, op, neighbours);
    case 'task.interruptRun':
      return interruptRun(tables, op);
    case 'task.resumeRun':
      return resumeRun(tables, op);
    default:
      return unreachable(op);
  }
}
