/**
 * Bugs that the simulator must find, as patches of a copy of the sources. A patch must match exactly once: code that has moved on makes
 * the test fail loudly instead of proving nothing.
 */
export interface Patch {
  /** Relative to the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}
export interface PlantedBug {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** The checkers of which one must find it. */
  readonly foundBy: readonly string[];
}
/** A bug that only a lost disk shows: found by the power cut of `tools/durability`. */
export type PlantedInDisk = Omit<PlantedBug, 'foundBy'>;

const REQUESTS = 'packages/coordinator-core/src/requests.ts';
const LEASES = 'packages/coordinator-core/src/leases.ts';
const RECONCILE = 'packages/coordinator-core/src/reconcile.ts';
const SETTLE = 'packages/task-store/src/settle.ts';
const ATTEMPT_OPS = 'packages/task-store/src/attempt-ops.ts';
const CHECKPOINTS = 'packages/checkpoint-store/src/apply.ts';
const MEMORY_TABLES = 'packages/task-store/src/memory-tables.ts';

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'a worker gives its spooled result up once it is sent',
    patches: [
      {
        file: 'packages/worker-core/src/results.ts',
        find: '    const last = lease.result.length - 1;',
        replace: '    book.unspool(lease);\n    const last = lease.result.length - 1;',
      },
    ],
    foundBy: ['G11 results'],
  },
  {
    name: 'a submission is acknowledged before it is committed',
    patches: [
      {
        file: REQUESTS,
        find: "    ops.task(op, (verdict) => {\n      if (verdict.kind === 'refused') return refuseVerdict(token, verdict);\n      const { run: ord, existing } = verdict.value;",
        replace:
          "    reply(token, { ok: true, value: { id, tasks: request.tasks.length, existing: false } });\n    token = -1;\n    ops.task(op, (verdict) => {\n      if (verdict.kind === 'refused') return;\n      const { run: ord, existing } = verdict.value;",
      },
      {
        file: REQUESTS,
        find: "=> shared.emit({ kind: 'reply', token, reply: answer });",
        replace: "=> { if (token > 0) shared.emit({ kind: 'reply', token, reply: answer }); };",
      },
    ],
    foundBy: ['G1 accepted', 'G3 keys'],
  },
  {
    name: 'a result is acknowledged before it is committed',
    patches: [
      {
        file: LEASES,
        find: "    ops.task({ op: 'task.finished', worker: worker.ord, ...key, result, wall: shared.wall() }, (verdict) => {",
        replace:
          "    done();\n    ops.task({ op: 'task.finished', worker: worker.ord, ...key, result, wall: shared.wall() }, (verdict) => {",
      },
    ],
    foundBy: ['held effects'],
  },
  {
    name: 'a result is taken without a look at its lease',
    patches: [
      {
        file: ATTEMPT_OPS,
        find: 'if (isActive(attempt) && key.epoch >= task.fence) return',
        replace: 'if (attempt.epoch > 0) return',
      },
      {
        file: SETTLE,
        find: '  assert(from === to || mayFollow(from, to),',
        replace: '  if (from === task.state) return;\n  assert(from === to || mayFollow(from, to),',
      },
    ],
    foundBy: ['G5 results'],
  },
  {
    name: 'a lease may be spoken for by anybody',
    patches: [{ file: ATTEMPT_OPS, find: 'if (attempt?.worker !== key.worker) return', replace: 'if (!attempt) return' }],
    foundBy: ['G21 holders', 'G5 results'],
  },
  {
    name: 'a worker is whoever says so',
    patches: [
      {
        file: ATTEMPT_OPS,
        find: "  if (known && known.principal !== op.principal) return refused('other_principal');\n",
        replace: '',
      },
    ],
    foundBy: ['G21 holders'],
  },
  {
    name: 'of a large result only the last part is kept',
    patches: [
      {
        file: LEASES,
        find: '{ ...given, cases: [...ahead.flat(), ...given.cases] }',
        replace: '{ ...given, cases: given.cases }',
      },
    ],
    foundBy: ['whole results'],
  },
  {
    name: 'a grant does not raise the epoch',
    patches: [{ file: ATTEMPT_OPS, find: '    const epoch = task.epoch + 1;\n', replace: '    const epoch = Math.max(1, task.epoch);\n' }],
    foundBy: ['G6 epochs'],
  },
  {
    name: 'a hedge leaves no event',
    patches: [
      {
        file: ATTEMPT_OPS,
        find: "  writeTask(tables, makeReady(tables, task, className), { kind: 'task.hedged', epoch: op.epoch, worker: attempt.worker, wall: op.wall });",
        replace: '  tables.putTask({ ...makeReady(tables, task, className), version: task.version + 1 });',
      },
    ],
    foundBy: ['G16 replay'],
  },
  {
    name: 'a new session keeps what the worker has not got',
    patches: [
      {
        file: RECONCILE,
        find: '} else if (lease.incarnation === worker.incarnation) leases.released(worker, lease.key, () => {});',
        replace: '} else if (lease.incarnation === worker.incarnation) keep.push(lease.key);',
      },
    ],
    foundBy: ['G4 liveness'],
  },
  {
    name: 'a checkpoint is taken without a look at its epoch',
    patches: [{ file: CHECKPOINTS, find: "if (state !== 'valid') return", replace: "if (state === 'unknown') return" }],
    foundBy: ['G9 checkpoints', 'G21 holders'],
  },
  {
    name: 'a lower checkpoint is taken',
    patches: [
      {
        file: CHECKPOINTS,
        find: 'if (last && (last.epoch > op.epoch || (last.epoch === op.epoch && last.seq >= op.seq))) {',
        replace: 'if (last && last.epoch === op.epoch && last.seq === op.seq) {',
      },
    ],
    foundBy: ['G9 checkpoints'],
  },
  {
    name: 'a full disk is taken for a refusal',
    patches: [
      {
        file: 'packages/coordinator-core/src/node.ts',
        find: '        shared.halt(input.code, input.message);',
        replace:
          "        if (input.code !== 'STORE_FULL') shared.halt(input.code, input.message);\n        else shared.ops.settle(input.batch, Array.from({ length: shared.ops.inFlight }, () => ({ kind: 'refused', reason: 'full' }) as const));",
      },
    ],
    foundBy: ['G18 doubt'],
  },
  {
    name: 'a counter is read by SELECT and written back',
    patches: [
      {
        file: 'packages/committer/src/memory.ts',
        find: '      dispatch.check(ops);\n',
        replace: '      dispatch.check(ops);\n      for (const begin of begins) begin();\n',
      },
      {
        file: 'packages/committer/src/memory.ts',
        find: 'export function createMemoryCommitter(',
        replace: 'export const begins: (() => void)[] = [];\nexport function createMemoryCommitter(',
      },
      { file: MEMORY_TABLES, find: 'import type { MemoryTx } from', replace: 'import { begins, type MemoryTx } from' },
      {
        // As with a snapshot of the transaction: what others add meanwhile is not seen.
        file: MEMORY_TABLES,
        find: '      const row = runs.get(run)!;\n      const counts',
        replace:
          '      if (!seen.has(run)) seen.set(run, runs.get(run)!);\n      const row = { ...runs.get(run)!, counts: seen.get(run)!.counts };\n      const counts',
      },
      {
        file: MEMORY_TABLES,
        find: '  const ready = createReadyIndex(tx.undo);\n',
        replace:
          '  const ready = createReadyIndex(tx.undo);\n  const seen = new Map<RunOrd, RunRecord>();\n  begins.push(() => seen.clear());\n',
      },
    ],
    foundBy: ['G16 replay', 'G4 liveness', 'crash'],
  },
];

export const PLANTED_IN_DISK: readonly PlantedInDisk[] = [
  {
    name: 'the store runs with synchronous=NORMAL',
    patches: [
      {
        file: 'packages/committer/src/io/sqlite-file.ts',
        find: "    db.pragma('synchronous = FULL');",
        replace: "    db.pragma('synchronous = NORMAL');",
      },
      { file: 'packages/committer/src/io/sqlite-file.ts', find: "    readBack(db, 'synchronous', 2);\n", replace: '' },
    ],
  },
  {
    name: 'a batch is acknowledged before it is committed',
    patches: [
      {
        file: 'packages/committer/src/io/sqlite-committer.ts',
        find: '        commit.run();\n        return verdicts;',
        replace:
          '        setImmediate(() => {\n          try {\n            commit.run();\n          } catch (error) {\n            doubt = inDoubt(error);\n          }\n        });\n        return verdicts;',
      },
    ],
  },
];
