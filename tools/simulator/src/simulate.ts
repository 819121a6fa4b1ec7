/**
 * One seed: a cluster under faults, then healed, then judged.
 *
 * S1 Safety phase: faults on, checkers judge every event. Liveness phase: all links heal, one worker at least is there, and everything
 *    must end; whatever does not is named.
 * S2 The outcome depends on the seed and the code alone.
 */
import { createRandom, errorText } from '@holdfast/kernel';
import { leaseText } from '@holdfast/model';
import { createMemoryStore } from '@holdfast/task-store/memory';
import { createAcceptedChecker } from './checkers/accepted.ts';
import { createExecutionCheckers } from './checkers/executions.ts';
import { createHeldCheckers } from './checkers/held.ts';
import { createLeaseCheckers } from './checkers/leases.ts';
import { createLivenessChecker, createMemoryChecker } from './checkers/quiet.ts';
import { createReplayChecker } from './checkers/replay.ts';
import { createClient } from './client.ts';
import { createCoordinatorProcess, digest } from './coordinator-process.ts';
import { createFaultPlan } from './faults.ts';
import { type Checker, createHistory, type Execution, Violation } from './history.ts';
import { createNetwork } from './network.ts';
import { optionsOf, type SimulationOptions } from './options.ts';
import { createVirtualTime } from './virtual-time.ts';
import { createWorkerProcess, type WorkerProcess } from './worker-process.ts';

export interface SimulationResult {
  readonly options: SimulationOptions;
  /** What was violated; undefined: nothing. */
  readonly violation: { readonly checker: string; readonly message: string } | undefined;
  /** The last events before the end. */
  readonly story: readonly string[];
  /** Over every event: two runs of a seed must agree. */
  readonly hash: number;
  readonly virtualMs: number;
  readonly events: number;
  readonly tasks: number;
  /** Transitions of tasks, as the store logged them. */
  readonly transitions: number;
  readonly injected: Readonly<Record<string, number>>;
  /** How often each op had each verdict, and each note was made: what the seed has covered. */
  readonly covered: Readonly<Record<string, number>>;
  readonly samples: Readonly<Record<string, number>>;
}

/** Runs one seed to its end or to the first violation. */
export function simulate(seed: string, verbose?: (line: string) => void): SimulationResult {
  const random = createRandom(seed);
  const options = optionsOf(seed, random);
  const time = createVirtualTime();
  const history = createHistory(STORY_LINES, verbose);
  const store = createMemoryStore();
  const slots = Array.from({ length: options.workers }, (_, index) => 1 + random.fork(`slots ${index}`).below(options.slotsMax));
  const total = slots.reduce((sum, each) => sum + each, 0);
  const checkers: Checker[] = [
    ...createAcceptedChecker(),
    ...createLeaseCheckers(),
    createReplayChecker(),
    ...createHeldCheckers(),
    ...createExecutionCheckers(),
    createLivenessChecker(),
    // A lease stays in memory while its end is on the way to the store, so twice the slots are justified.
    createMemoryChecker({ workers: options.workers, runs: options.runs, delays: options.runs * options.tasksMax, leases: total * 3 }),
  ];
  const tell = (who: string, what: string): void => history.tell(time.now(), who, what);
  const crashed = (error: unknown): void => {
    throw error;
  };
  let activity = 0;
  const covered: Record<string, number> = {};
  const cover = (what: string): void => void (covered[what] = (covered[what] ?? 0) + 1);

  const network = createNetwork(options, time, random.fork('network'), (way, wire, text) => {
    tell(way === 'up' ? `>${wire}` : `<${wire}`, text.length > 160 ? `${text.slice(0, 160)}… ${text.length}` : text);
    for (const checker of checkers) checker.sent?.(way, wire, text);
  });
  const coordinator = createCoordinatorProcess(options, {
    time,
    store,
    random: random.fork('coordinator'),
    tell(what) {
      tell('c', what);
      const note = /^([a-z]+\.[A-Za-z]+) \{/.exec(what)?.[1];
      if (note) cover(note);
    },
    committed(op, verdict) {
      cover(`${op.op} ${verdict.kind === 'applied' ? 'applied' : verdict.reason}`);
      tell('store', `${digest(op)}: ${verdict.kind === 'applied' ? 'applied' : verdict.reason}`);
      for (const checker of checkers) checker.committed?.(op, verdict);
    },
    crashed,
    gone(planned) {
      tell('c', planned ? 'ends in order' : 'is gone');
      faults.restartCoordinatorLater();
    },
  });

  const open = new Map<string, Execution>();
  const policies = (run: number, n: number): Execution['onDisconnect'] =>
    store.rows().tasks.find((row) => row.run === run && row.n === n)!.onDisconnect;
  const dials = random.fork('dials');
  let healed = false;
  const workers: WorkerProcess[] = slots.map((count, index) => {
    const id = `w${index + 1}`;
    const worker = createWorkerProcess(id, count, options, {
      time,
      random: random.fork(id),
      attempts: random.fork('attempts'),
      tell: (what) => tell(id, what),
      dial(end, answer) {
        time.after(network.delay(), () => {
          if (!healed && dials.chance(options.faults.dialRefused)) return dials.chance(0.7) ? answer(undefined) : undefined;
          answer(coordinator.accept((other) => network.open(end, other)));
        });
      },
      started(order, incarnation) {
        activity += 1;
        const { run, n, epoch } = order;
        const onDisconnect = policies(run, n);
        const execution: Execution = {
          lease: { run, n, epoch },
          worker: id,
          incarnation,
          onDisconnect,
          from: time.now(),
          to: undefined,
          stalled: false,
        };
        open.set(`${incarnation} ${leaseText(order)}`, execution);
        for (const checker of checkers) checker.started?.(execution, order.resumeFrom?.seq);
      },
      stopped(lease, incarnation) {
        activity += 1;
        const execution = open.get(`${incarnation} ${leaseText(lease)}`)!;
        open.delete(`${incarnation} ${leaseText(lease)}`);
        execution.to = time.now();
        for (const checker of checkers) checker.stopped?.(execution);
      },
      checkpointSettled(lease, seq) {
        for (const checker of checkers) checker.checkpointSettled?.(lease, seq);
      },
      crashed,
      left: () => faults.restartLater(worker, false),
    });
    return worker;
  });
  const faults = createFaultPlan(options, {
    time,
    random: random.fork('faults'),
    network,
    coordinator,
    workers,
    tell: (what) => tell('fault', what),
    stalled(incarnation) {
      for (const execution of open.values()) if (execution.incarnation === incarnation) execution.stalled = true;
    },
  });
  const client = createClient(options, {
    time,
    random: random.fork('client'),
    ask: (request, answer) => coordinator.ask(request, answer),
    replied(operation, outcome) {
      tell(
        'p',
        `${operation.name} ${operation.key}${operation.n === undefined ? '' : `.${operation.n}`}: ${JSON.stringify(outcome).slice(0, 80)}`,
      );
      for (const checker of checkers) checker.replied?.(operation, outcome, store.rows);
    },
    stateOf: (key) => store.rows().runs.find((row) => row.key === key)?.state,
  });

  /** Why something is not over yet. */
  function pending(): string[] {
    const why = [...client.pending()];
    const rows = store.rows();
    for (const run of rows.runs) {
      if (run.state === 'finished' || run.state === 'cancelled') continue;
      const left = rows.tasks.filter((row) => row.run === run.run && row.ended === null);
      why.push(
        `run ${run.run} is ${run.state}: ${left
          .slice(0, 8)
          .map(
            (row) =>
              `${row.run}.${row.n} ${row.state} e${row.epoch} f${row.fence}${row.ready ? ' ready' : ''}${row.blocked ? ` blocked ${row.blocked}` : ''}${row.delayMs ? ` delayed ${row.delayMs}` : ''}`,
          )
          .join(', ')}`,
      );
    }
    if (rows.runs.length < options.runs) why.push(`${rows.runs.length} of ${options.runs} runs are there`);
    for (const worker of workers) {
      const node = worker.node?.snapshot();
      if (node && (node.leases.length > 0 || node.unsettled > 0))
        why.push(
          `${worker.incarnation} (${node.state}) holds ${node.leases
            .slice(0, 5)
            .map((each) => `${each.lease} ${each.state}`)
            .join(', ')}`,
        );
    }
    const node = coordinator.node?.snapshot();
    if (!node) why.push('the coordinator is down');
    for (const each of node?.status.workers ?? [])
      if (each.held > 0) why.push(`the coordinator thinks that ${each.id} (${each.state}) holds ${each.held}`);
    for (const each of node?.status.ready ?? []) why.push(`the coordinator thinks that ${each.count} of ${each.class} are ready`);
    return why;
  }

  function size(): void {
    const node = coordinator.node;
    if (node) for (const checker of checkers) checker.sized?.(node.snapshot().sizes);
  }

  function runUntil(until: number): void {
    while (time.step(until)) if (time.events > EVENTS_MAX) throw new Violation('storm', `more than ${EVENTS_MAX} events`);
    size();
  }

  /** Ends as soon as nothing is pending, or when nothing moves any more. */
  function heal(): void {
    tell('fault', 'healed');
    healed = true;
    faults.heal();
    client.heal();
    const end = time.now() + QUIET_MS + (3 * options.runs * options.tasksMax * options.taskMsMax) / slots[0]!;
    let quietSince = time.now();
    let before = -1;
    while (time.now() < end && time.now() - quietSince < QUIET_MS) {
      runUntil(time.now() + 2000);
      if (activity !== before) quietSince = time.now();
      before = activity;
      if (pending().length === 0) break;
    }
  }

  let violation: SimulationResult['violation'];
  try {
    coordinator.start();
    for (const worker of workers) time.after(random.fork(worker.id).below(3000), () => worker.start());
    client.start();
    faults.start();
    while (time.now() < options.safetyMs) runUntil(Math.min(options.safetyMs, time.now() + 5000));
    heal();
    const end = { rows: store.rows(), pending: pending() };
    for (const checker of checkers) checker.ended?.(end);
  } catch (error) {
    const checker = error instanceof Violation ? error.checker : 'crash';
    const text =
      error instanceof Violation
        ? error.message
        : `${errorText(error)}\n${error instanceof Error ? error.stack : ''} ${JSON.stringify((error as { details?: unknown }).details ?? {})}`;
    violation = { checker, message: text };
  }
  const rows = store.rows();
  return {
    options,
    violation,
    story: history.story(),
    hash: history.hash,
    virtualMs: time.now(),
    events: time.events,
    tasks: rows.tasks.length,
    transitions: rows.events.length,
    injected: faults.injected,
    covered,
    samples: Object.fromEntries(checkers.map((checker) => [checker.name, checker.samples])),
  };
}

const STORY_LINES = 40;
const EVENTS_MAX = 3_000_000;
/** Longer than `lostAfter`, the longest task and a backoff together. */
const QUIET_MS = 400_000;
