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

const REQUESTS = 'packages/coordinator-core/src/requests.ts';
const LEASES = 'packages/coordinator-core/src/leases.ts';
const RECONCILE = 'packages/coordinator-core/src/reconcile.ts';
const SETTLE = 'packages/task-store/src/settle.ts';
const ATTEMPT_OPS = 'packages/task-store/src/attempt-ops.ts';

export const PLANTED_BUGS: readonly PlantedBug[] = [
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
];
