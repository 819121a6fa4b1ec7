/**
 * Every sequenced message between a coordinator and a worker: what crosses the wire inside a frame.
 *
 * P1 A message carries its own business key (S2); sequence numbers belong to the session, not to the message.
 * P2 Readers ignore fields they do not know and answer unknown types with `unknown`, counted, never fatal.
 */
import { artifactsProblem, type BlobDigest, parseDigest } from '@holdfast/model';
import { z } from 'zod';

const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const ordinal = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const short = z.string().max(512);
const text = z.string().max(8192);
const long = z.string().max(32_768);
/** A repository and three short texts. */
const classText = z.string().max(16_384);
const lease = { run: ordinal, n: ordinal, epoch: ordinal };

const failure = z.object({ message: text, stack: long.optional(), diff: long.optional() });
const caseResult = z.object({
  path: z.array(z.string().max(4096)).min(1).max(64),
  file: z.string().max(4096),
  project: short.optional(),
  line: ordinal.optional(),
  grade: z.enum(['passed', 'failed', 'flaky', 'skipped']),
  durationMs: z.number().min(0),
  attempts: ordinal,
  failure: failure.optional(),
});

const digest = z.string().refine((value) => parseDigest(value) !== undefined, { error: 'not a digest' });
const blob = z.object({ digest: digest.transform((value) => value as BlobDigest), size: count });
const artifacts = z
  .array(blob.extend({ name: z.string().max(255) }))
  .max(512)
  .superRefine((list, context) => {
    const problem = artifactsProblem(list);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });
const checkpoint = { seq: ordinal, data: z.json(), blob: blob.optional() };
/** `epoch`: of the attempt that saved it. */
const resumePoint = z.object({ epoch: ordinal.optional(), ...checkpoint });

/** How one attempt ended: `AttemptResult` of the model. */
export const attemptResult = z.object({
  outcome: z.enum(['passed', 'failed', 'errored', 'timed_out', 'cancelled']),
  reason: text.optional(),
  exitCode: z.int().optional(),
  signal: z.string().max(32).optional(),
  durationMs: z.number().min(0),
  cases: z.array(caseResult).max(10_000),
  errors: z.array(failure).max(1000).optional(),
  log: z.object({ bytes: count, droppedBytes: count }).optional(),
  artifacts: artifacts.optional(),
});

const unit = z.object({ file: z.string().min(1).max(4096), project: short.optional(), pool: short.optional() });
const environment = z.record(z.string().max(256), z.string().max(32_768));
const argv = z.array(z.string().max(8192)).min(1).max(256);

/** What a task does: `TaskBody` of the model. */
export const taskBody = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('command'),
    argv,
    cwd: z.string().max(4096).optional(),
    env: environment.optional(),
    results: z
      .discriminatedUnion('format', [
        z.object({ format: z.literal('junit'), path: z.string().max(4096) }),
        z.object({ format: z.literal('tap') }),
        z.object({ format: z.literal('go-json') }),
      ])
      .optional(),
  }),
  z.object({ kind: z.literal('module'), path: z.string().min(1).max(4096), input: z.json().optional() }),
  z.object({ kind: z.literal('test'), unit }),
  z.object({ kind: z.literal('noop') }),
]);

/** What the tasks of one run share: `RunSpec` of the model. */
export const runSpec = z.object({
  cwd: z.string().max(4096).optional(),
  env: environment.optional(),
  secrets: z.array(z.string().max(256)).max(128).optional(),
  suite: z
    .object({
      adapter: z.string().max(64),
      args: z.array(z.string().max(8192)).max(256),
      options: z.record(z.string().max(256), z.json()).optional(),
    })
    .optional(),
});

/** A task's treatment: `TaskPolicy` of the model. */
export const taskPolicy = z.object({
  priority: z.int().min(0).max(9),
  timeoutMs: z.int().min(0).max(86_400_000),
  graceMs: z.int().min(0).max(600_000),
  retries: z.int().min(0).max(20),
  retryDelayMs: z.int().min(0).max(86_400_000),
  maxLost: z.int().min(1).max(20),
  onDisconnect: z.enum(['replace', 'hedge', 'wait']),
});

const fingerprint = z.object({
  repository: text,
  commit: short,
  dirty: short,
  lockfile: short,
  platform: short,
  node: short,
});

/** Repository state as a worker or a run declares it: `Fingerprint` of the model. */
export const fingerprintSchema = fingerprint;

/** What a worker says of itself; sent with hello and again on change. */
export const registration = z.object({
  name: short,
  /** Attempts at a time, 1..1024. */
  slots: z.int().min(1).max(1024),
  labels: z.record(z.string().max(64), z.string().max(256)),
  fingerprint: fingerprint.optional(),
  /** What the machine was found to be, as plain data: `GivenMachine` of the hardware taxonomy. Absent: nobody has looked yet. */
  machine: z.record(z.string().max(64), z.json()).optional(),
  pid: ordinal,
});

/** What a worker does with a lease right now. */
const heldState = z.enum(['accepted', 'running', 'paused', 'finished']);

/** Worker to coordinator. */
export const workerMessage = z.discriminatedUnion('t', [
  /** All leases the worker holds and all results it still keeps: asked for after `fresh` (S4). */
  z.object({
    t: z.literal('inventory'),
    token: count,
    /** `id`: the run's, of a lease whose result an earlier life of the worker left; of another run than the lease's it is not kept. */
    leases: z.array(z.object({ ...lease, state: heldState, id: short.optional() })).max(4096),
  }),
  /** A child process began to work on the lease. */
  z.object({ t: z.literal('started'), ...lease }),
  /** Cases of a result too large for one message; `finished` follows and says how many parts there were. */
  z.object({ t: z.literal('part'), ...lease, part: count, cases: z.array(caseResult).max(10_000) }),
  /** The attempt ended. Business key: the lease. `parts`: so many `part` messages carry further cases, in order, before `result.cases`. */
  z.object({ t: z.literal('finished'), ...lease, parts: z.int().min(0).max(256).optional(), result: attemptResult }),
  /** Given back unstarted, or stopped on request of a drain: no attempt is counted as lost. */
  z.object({ t: z.literal('released'), ...lease, reason: text }),
  /** Ended without a result: its process died with an earlier life of the worker, or the local policy stopped it. */
  z.object({ t: z.literal('lost'), ...lease, reason: text }),
  /** A pause or an unpause took effect. */
  z.object({ t: z.literal('paused'), ...lease, paused: z.boolean() }),
  /** State that a later attempt may resume from. `seq` rises by attempt. Business key: the lease and `seq`. `blob`: what was put before, too large for a message. */
  z.object({ t: z.literal('checkpoint'), ...lease, ...checkpoint }),
  /** The checkpoint that the attempt was given cannot be read: the older one was taken, or none. */
  z.object({ t: z.literal('corrupt'), ...lease, checkpoint: z.object({ epoch: ordinal, seq: ordinal }) }),
  /** Live news of a running attempt; may be dropped, counted. */
  z.object({
    t: z.literal('progress'),
    ...lease,
    cases: z.array(caseResult).max(256),
    note: text.optional(),
    fraction: z.number().min(0).max(1).optional(),
  }),
  /** Log bytes of one attempt, as UTF-8 text, masked. `offset` counts bytes from the attempt's start. */
  z.object({ t: z.literal('log'), ...lease, offset: count, stream: z.enum(['out', 'err']), text: z.string().max(65_536) }),
  /** Slots, labels, fingerprint or machine changed. */
  z.object({ t: z.literal('registered'), registration }),
  /** The worker ends on purpose: whatever it still holds is given back. */
  z.object({ t: z.literal('goodbye'), reason: text }),
  z.object({ t: z.literal('unknown'), type: short }),
]);

/** Coordinator to worker. */
export const coordinatorMessage = z.discriminatedUnion('t', [
  /** Asks for an inventory; no assignment comes before its answer. */
  z.object({ t: z.literal('inventory'), token: count }),
  /** What to do with what the inventory named: whatever is not in `keep` is stopped and forgotten. */
  z.object({ t: z.literal('reconciled'), token: count, keep: z.array(z.object(lease)).max(4096) }),
  /** What the tasks of a run share; precedes the first assignment of that run in a session. */
  z.object({
    t: z.literal('run'),
    run: ordinal,
    id: short,
    spec: runSpec,
    /** The state of a repository that its tasks are of, as `fingerprintClass` writes it. Absent: they run anywhere. */
    class: classText.optional(),
  }),
  /** A batch: leases for one runner process, each settled by itself. */
  z.object({
    t: z.literal('assign'),
    run: ordinal,
    leases: z
      .array(
        z.object({
          n: ordinal,
          epoch: ordinal,
          name: short,
          body: taskBody,
          timeoutMs: count,
          graceMs: count,
          onDisconnect: z.enum(['replace', 'hedge', 'wait']),
          resumeFrom: resumePoint.extend({ older: resumePoint.optional() }).optional(),
        }),
      )
      .min(1)
      .max(256),
  }),
  /** The run is over: what was kept for it may be forgotten. */
  z.object({ t: z.literal('forget'), run: ordinal }),
  /** Ask the attempt to end: SIGTERM, then SIGKILL after its grace period. `released` or `finished` follows. */
  z.object({ t: z.literal('stop'), ...lease, as: z.enum(['cancelled', 'released', 'revoked']) }),
  z.object({ t: z.literal('pause'), ...lease, paused: z.boolean() }),
  /** Take no more work; end when idle. */
  z.object({ t: z.literal('drain') }),
  z.object({ t: z.literal('unknown'), type: short }),
]);

export type WorkerMessage = z.infer<typeof workerMessage>;
export type CoordinatorMessage = z.infer<typeof coordinatorMessage>;
export type Registration = z.infer<typeof registration>;
export type Assignment = Extract<CoordinatorMessage, { t: 'assign' }>;
export type AssignedLease = Assignment['leases'][number];
