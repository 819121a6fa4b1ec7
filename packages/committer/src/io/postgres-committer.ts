/**
 * A committer over PostgreSQL, for several coordinators on one database.
 *
 * P1 Every transaction begins with `UPDATE coordinators SET batch = n WHERE id, epoch, batch = n - 1`: one row that fences (a peer raised
 *    the epoch: `STORE_FENCED`, nothing was written), beats, and tells what became of a COMMIT whose answer was lost.
 * P2 A batch is run again only when it is certain that it was not committed: the server said so, or the row says so under its lock.
 * P3 A few round trips a batch, however large: rows are loaded in sets, decided in memory, written in sets (`postgres-working-set.ts`).
 */
import { setTimeout as pause } from 'node:timers/promises';
import { CodedError, errorText } from '@holdfast/kernel';
import type { Migration } from 'kysely/migration';
import pRetry from 'p-retry';
import { createDispatch, type Dispatch, inDoubt } from '../dispatch.ts';
import type { AsyncCommitter, Op, StoreModule, Verdict } from '../port.ts';
import { connectPostgres, isLoss, plainText, type PostgresConnection, type PostgresTarget, sqlState } from './postgres-connection.ts';
import { beginLife, type Coordinator, COORDINATORS, LOOK } from './postgres-coordinators.ts';
import { allOf, createWorkingSet, LockOrder, Miss, type Needs, type PostgresTx, type WorkingSet } from './postgres-working-set.ts';

/** A store module over PostgreSQL, with its schema. Migrations run in order of their names, which are never changed or removed. */
export interface PostgresModule extends StoreModule<PostgresTx> {
  readonly migrations: Readonly<Record<string, Migration>>;
  /** What deciding `op` will probably read. May be wrong both ways. */
  hint?(op: Op, needs: Needs): void;
  /** `op` reads what no key names: all before it is written first. */
  scans?(op: Op): boolean;
}

export interface PostgresOptions extends PostgresTarget {
  readonly modules: readonly PostgresModule[];
  /** Who commits: its row in `coordinators`. A second process under the same id fences the first. */
  readonly coordinator: string;
  /**
   * Stand by: wait until whoever commits under this name was silent for so many milliseconds of this process's own clock, then take over.
   * Absent: take over at once.
   */
  readonly standbyMs?: number;
  /** Milliseconds to go on trying to reach a server that is gone. Default 30,000. */
  readonly reconnectWithinMs?: number;
  /** Milliseconds a transaction may take before it is cut. Default 5,000. */
  readonly transactionWithinMs?: number;
  /** Hears of everything that went wrong and was dealt with. Never holds values or addresses. */
  readonly trouble?: (trouble: PostgresTrouble) => void;
}

/** Something that went wrong with a batch. */
export interface PostgresTrouble {
  readonly what: 'rerun' | 'reconnected' | 'outcome resolved' | 'transaction cut';
  readonly batch: number;
  readonly attempt: number;
  /** SQLSTATE, or Node's name of a socket error. */
  readonly code: string;
  /** Name of the statement that failed; empty: none did. */
  readonly statement: string;
  readonly message: string;
}

export interface PostgresCommitter extends AsyncCommitter {
  /** The epoch under which this process commits. */
  readonly epoch: number;
}

/**
 * Connects, brings the schema up to date, and raises the epoch of `coordinator`: whoever committed under it before is fenced.
 * Errors: `STORE_UNREACHABLE`, `STORE_FORBIDDEN`, `STORE_UNSAFE`, `STORE_TOO_NEW`, `STORE_FAILED`.
 * Errors of `commit`: `STORE_FENCED`, `STORE_CONTENDED` and `STORE_FULL` (nothing was committed), `STORE_IN_DOUBT`, `STORE_UNREACHABLE` (and
 * again for every later call: open anew), `STORE_UNKNOWN_OP`, `STORE_CLOSED`.
 */
export async function openPostgresCommitter(options: PostgresOptions): Promise<PostgresCommitter> {
  const connection = await connectPostgres(options);
  try {
    const { migratePostgres } = await import('./postgres-migrations.ts');
    await migratePostgres(options, options.modules);
    return createCommitter(options, connection, await beginLife(connection, plainText(options.coordinator), options.standbyMs));
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

interface Life {
  epoch: number;
  batch: number;
}

function createCommitter(options: PostgresOptions, first: PostgresConnection, epoch: number): PostgresCommitter {
  const me = plainText(options.coordinator);
  const life: Life = { epoch, batch: 0 };
  let connection = first;
  let ended: CodedError | undefined;
  let queue: Promise<unknown> = Promise.resolve();

  const set = createWorkingSet();
  const begun = { now: set };
  const tx = transactionOver(begun);
  const dispatch = createDispatch<PostgresTx>(options.modules, tx);

  const tell = (what: PostgresTrouble['what'], batch: number, attempt: number, error: unknown): void =>
    options.trouble?.({ what, batch, attempt, code: sqlState(error), statement: statementOf(error), message: errorText(error) });

  const end = (error: CodedError): CodedError => {
    ended = error;
    connection.destroy();
    return error;
  };

  async function commit(ops: readonly Op[]): Promise<Verdict[]> {
    if (ended) throw ended;
    dispatch.check(ops);
    const batch = life.batch + 1;
    for (let attempt = 1; ; attempt += 1) {
      try {
        begun.now = createWorkingSet();
        const outcome = await runBatch({ options, me, life, batch, dispatch, set: begun.now, connection }, ops);
        life.batch = batch;
        life.epoch = outcome.epoch;
        return outcome.verdicts;
      } catch (error) {
        const again = await recover(error, batch, attempt);
        if (again !== undefined) return again;
      }
    }
  }

  /** Resolves with the verdicts when the batch is committed after all, or with nothing when it has to run again. */
  async function recover(error: unknown, batch: number, attempt: number): Promise<Verdict[] | undefined> {
    if (error instanceof CodedError) throw end(error);
    const cause = error instanceof UnansweredCommit ? error.reason : error;
    // What no statement raised is a bug of a module: trying again would raise it again.
    if (statementOf(cause) === '') throw end(inDoubt(cause));
    if (attempt >= RERUNS_MAX) {
      throw end(
        new CodedError('STORE_CONTENDED', `commit a batch: given up after ${attempt} attempts (${sqlState(cause)})`, {
          retryable: true,
          cause,
        }),
      );
    }
    if (error instanceof UnansweredCommit || isLoss(cause) || connection.lost()) {
      const row = await reconnect(batch, attempt, cause);
      // P2: its lock was waited for, so whatever the lost connection had begun is over.
      if (error instanceof UnansweredCommit && row.batch === batch && row.epoch === error.epoch) {
        tell('outcome resolved', batch, attempt, cause);
        life.batch = batch;
        life.epoch = row.epoch;
        return error.verdicts;
      }
      if (row.epoch !== life.epoch || row.batch !== batch - 1) throw end(fenced(me, life.epoch, row.epoch));
      return undefined;
    }
    const code = sqlState(cause);
    if (code === '53100')
      throw new CodedError('STORE_FULL', 'commit a batch: the disk of the database is full, nothing was committed', {
        retryable: true,
        cause,
      });
    if (!RERUN.has(code)) throw end(inDoubt(cause));
    tell('rerun', batch, attempt, cause);
    await pause(Math.random() * Math.min(RERUN_PAUSE_MAX_MS, RERUN_PAUSE_MS * 2 ** attempt));
    return undefined;
  }

  /** A new connection, and this coordinator's row as it stands when everything before is over. */
  async function reconnect(batch: number, attempt: number, cause: unknown): Promise<Life> {
    connection.destroy();
    try {
      return await pRetry(
        async () => {
          connection = await connectPostgres(options);
          const { rows } = await connection.query('coordinator.read', READ_LOCKED, [me]);
          tell('reconnected', batch, attempt, cause);
          return { epoch: (rows[0]?.['epoch'] as number | undefined) ?? 0, batch: (rows[0]?.['batch'] as number | undefined) ?? 0 };
        },
        {
          retries: Infinity,
          minTimeout: 50,
          maxTimeout: 1000,
          randomize: true,
          maxRetryTime: options.reconnectWithinMs ?? RECONNECT_WITHIN_MS,
          shouldRetry: ({ error }) => (error instanceof CodedError ? error.retryable : isLoss(error) || sqlState(error) === '57014'),
        },
      );
    } catch (error) {
      throw end(error instanceof CodedError ? error : inDoubt(error));
    }
  }

  return {
    get epoch() {
      return life.epoch;
    },
    commit(ops) {
      const done = queue.then(() => commit(ops));
      queue = done.catch(() => {
        /* ignored: the caller hears of it. */
      });
      return done;
    },
    async close() {
      await queue;
      ended ??= new CodedError('STORE_CLOSED', 'commit a batch: the store is closed');
      await connection.close();
    },
  };
}

interface Run {
  readonly options: PostgresOptions;
  readonly me: string;
  readonly life: Life;
  readonly batch: number;
  readonly dispatch: Dispatch;
  readonly set: WorkingSet;
  readonly connection: PostgresConnection;
}

interface Outcome {
  readonly verdicts: Verdict[];
  readonly epoch: number;
}

/** One transaction, begun again as often as its locks turn out to be wanted in another order. */
async function runBatch(run: Run, ops: readonly Op[]): Promise<Outcome> {
  const { connection, set, options } = run;
  const timer = setTimeout(() => {
    options.trouble?.({ what: 'transaction cut', batch: run.batch, attempt: 1, code: '', statement: '', message: 'it took too long' });
    connection.destroy();
  }, options.transactionWithinMs ?? TRANSACTION_WITHIN_MS);
  try {
    for (let tries = 1; ; tries += 1) {
      try {
        return await transaction(run, ops);
      } catch (error) {
        if (error instanceof UnansweredCommit || error instanceof CodedError) throw error;
        if (connection.lost()) throw error;
        await connection.query('rollback', 'ROLLBACK');
        if (!(error instanceof LockOrder) || tries >= LOCK_TRIES_MAX) throw error;
        set.clear(false);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

async function transaction(run: Run, ops: readonly Op[]): Promise<Outcome> {
  const { connection, set, me, life, batch } = run;
  const opened = [connection.query('begin', 'BEGIN'), connection.query('coordinator.beat', BEAT, [me, life.epoch, batch])];
  for (const op of ops) moduleOf(run, op)?.hint?.(op, set.needs);
  const loaded = set.load(connection);
  const [, beat] = await allOf<{ count: number } | void>([...opened, loaded]).then((all) => all as { count: number }[]);
  if (beat!.count === 0) throw await whyNot(run);
  const verdicts: Verdict[] = [];
  const progress = { epoch: life.epoch };
  for (const op of ops) verdicts.push(await decide(run, op, progress));
  const raised = raisedEpoch(set, me) ?? progress.epoch;
  const written = set.write(connection);
  const committed = connection.query('commit', 'COMMIT');
  await finish(connection, written, committed, { verdicts, epoch: raised });
  return { verdicts, epoch: raised };
}

/** Decides one op, loading what it misses (W1). `progress`: the epoch that this transaction has written so far. */
async function decide(run: Run, op: Op, progress: { epoch: number }): Promise<Verdict> {
  const { set, connection, dispatch } = run;
  if (moduleOf(run, op)?.scans?.(op)) {
    progress.epoch = raisedEpoch(set, run.me) ?? progress.epoch;
    await allOf(set.write(connection));
    set.clear(true);
    moduleOf(run, op)?.hint?.(op, set.needs);
    await set.load(connection);
  }
  const mark = set.mark();
  for (let tries = 1; ; tries += 1) {
    try {
      return dispatch.apply(op);
    } catch (error) {
      if (!(error instanceof Miss) || tries >= MISSES_MAX) throw error;
      set.undo(mark);
      set.missed(error);
      await set.load(connection);
    }
  }
}

/** Waits for the answer to COMMIT. From the moment it is sent, a lost connection leaves the outcome open. */
async function finish(
  connection: PostgresConnection,
  written: Promise<unknown>[],
  committed: Promise<{ command: string }>,
  outcome: Outcome,
): Promise<void> {
  const writes = allOf(written);
  const [write, commit] = await Promise.allSettled([writes, committed]);
  if (commit.status === 'rejected') {
    if (isLoss(commit.reason) || connection.lost()) throw new UnansweredCommit(commit.reason, outcome);
    throw write.status === 'rejected' ? write.reason : commit.reason;
  }
  // COMMIT of a transaction that failed answers ROLLBACK.
  if (write.status === 'rejected') throw write.reason;
  if (commit.value.command !== 'COMMIT') throw inDoubt(new Error(`COMMIT answered ${commit.value.command}`));
}

/** The row was not this coordinator's to beat: a peer raised the epoch. */
async function whyNot({ connection, me, life }: Run): Promise<CodedError> {
  const { rows } = await connection.query('coordinator.look', LOOK, [me]);
  return fenced(me, life.epoch, (rows[0]?.['epoch'] as number | undefined) ?? 0);
}

function fenced(id: string, epoch: number, found: number): CodedError {
  return new CodedError('STORE_FENCED', `commit as ${id}: another coordinator took over (epoch ${found}, this one has ${epoch})`, {
    details: { coordinator: id, epoch, found, exitCode: 75 },
  });
}

const moduleOf = ({ options }: Run, op: Op): PostgresModule | undefined => options.modules.find(({ name }) => op.op.startsWith(`${name}.`));
const raisedEpoch = (set: WorkingSet, me: string): number | undefined => {
  for (const row of set.known(COORDINATORS)) if ((row as Coordinator | undefined)?.id === me) return row!.epoch;
  return undefined;
};
const statementOf = (error: unknown): string => (error as { statement?: string } | null)?.statement ?? '';

/** The transaction that modules are opened with once, over the working set of the batch that runs. */
function transactionOver(begun: { now: WorkingSet }): PostgresTx {
  return {
    get: (collection, key) => begun.now.get(collection, key),
    set: (collection, key, value) => begun.now.set(collection, key, value),
    insert: (collection, key, value) => begun.now.insert(collection, key, value),
    miss: (collection, key) => begun.now.miss(collection, key),
    known: (collection) => begun.now.known(collection),
    append: (log, row) => begun.now.append(log, row),
    raiseCoordinator(id, wall) {
      const name = plainText(id);
      const row = begun.now.get(COORDINATORS, name);
      const epoch = (row?.epoch ?? 0) + 1;
      begun.now.set(COORDINATORS, name, { id: name, epoch, wall });
      return epoch;
    },
  };
}

/** COMMIT was sent and not answered. */
class UnansweredCommit extends Error {
  readonly reason: unknown;
  readonly verdicts: Verdict[];
  readonly epoch: number;
  constructor(reason: unknown, outcome: Outcome) {
    super('a COMMIT was not answered');
    this.reason = reason;
    this.verdicts = outcome.verdicts;
    this.epoch = outcome.epoch;
  }
}

const BEAT = 'UPDATE coordinators SET batch = $3 WHERE id = $1 AND epoch = $2 AND batch = $3::int8 - 1';
const READ_LOCKED = 'SELECT epoch, batch FROM coordinators WHERE id = $1 FOR UPDATE';
/** Reported by the server, and so certainly not committed: serialization, deadlock, a race for a unique key, lock and statement timeouts. */
const RERUN: ReadonlySet<string> = new Set(['40001', '40P01', '23505', '55P03', '57014']);
const RERUNS_MAX = 12;
const RERUN_PAUSE_MS = 2;
const RERUN_PAUSE_MAX_MS = 250;
const LOCK_TRIES_MAX = 50;
const MISSES_MAX = 100_000;
const RECONNECT_WITHIN_MS = 30_000;
const TRANSACTION_WITHIN_MS = 5000;
