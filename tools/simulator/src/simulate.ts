/**
 * One seed: a cluster under faults, then healed, then judged.
 *
 * S1 Safety phase: faults on, checkers judge every event. Liveness phase: all links heal, one worker at least is there, and everything
 *    must end; whatever does not is named.
 * S2 The outcome depends on the seed and the code alone.
 */
import { createRandom, errorText } from '@holdfast/kernel';
import { createMemoryStore } from '@holdfast/task-store/memory';
import { createAcceptedChecker } from './checkers/accepted.ts';
import { createDoubtChecker } from './checkers/doubt.ts';
import { createExecutionCheckers } from './checkers/executions.ts';
import { createHeldCheckers } from './checkers/held.ts';
import { createHolderCheckers } from './checkers/holders.ts';
import { createLeaseCheckers } from './checkers/leases.ts';
import { createLivenessChecker, createMemoryChecker } from './checkers/quiet.ts';
import { createReplayChecker } from './checkers/replay.ts';
import { createSpoolChecker } from './checkers/spool.ts';
import { createClient } from './client.ts';
import { crashed, createWorker, type World } from './cluster-worker.ts';
import { createCoordinatorProcess, digest } from './coordinator-process.ts';
import { createFaultPlan } from './faults.ts';
import { type Checker, createHistory, type Execution, Violation } from './history.ts';
import { createNetwork } from './network.ts';
import { optionsOf, type SimulationOptions } from './options.ts';
import { pendingOf } from './pending.ts';
import { createVirtualTime } from './virtual-time.ts';

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

/** Puts the cluster together; nothing runs before time moves. */
function createCluster(seed: string, verbose: ((line: string) => void) | undefined) {
  const random = createRandom(seed);
  const options = optionsOf(seed, random);
  const time = createVirtualTime();
  const history = createHistory(STORY_LINES, verbose);
  const store = createMemoryStore();
  const slots = Array.from({ length: options.workers }, (_, index) => 1 + random.fork(`slots ${index}`).below(options.slotsMax));
  const checkers = createCheckers(options, slots);
  const tell = (who: string, what: string): void => history.tell(time.now(), who, what);
  const phase = { activity: 0, healed: false };
  const covered: Record<string, number> = {};
  const cover = (what: string): void => void (covered[what] = (covered[what] ?? 0) + 1);

  const tellNote = (who: string, what: string): void => {
    tell(who, what);
    const note = /^([a-z]+\.[A-Za-z]+) \{/.exec(what)?.[1];
    if (note) cover(note);
  };

  const network = createNetwork(options, time, random.fork('network'), (way, wire, text) => {
    tell(way === 'up' ? `>${wire}` : `<${wire}`, text.length > 160 ? `${text.slice(0, 160)}… ${text.length}` : text);
    for (const checker of checkers) checker.sent?.(way, wire, text);
  });
  const coordinator = createCoordinatorProcess(options, {
    time,
    store,
    random: random.fork('coordinator'),
    tell: (what) => tellNote('c', what),
    committed(op, verdict) {
      cover(`${op.op} ${verdict.kind === 'applied' ? 'applied' : verdict.reason}`);
      tell('store', `${digest(op)}: ${verdict.kind === 'applied' ? 'applied' : verdict.reason}`);
      for (const checker of checkers) checker.committed?.(op, verdict);
    },
    commitFailed() {
      for (const checker of checkers) checker.commitFailed?.();
    },
    began() {
      for (const checker of checkers) checker.began?.();
    },
    crashed,
    gone(planned) {
      tell('c', planned ? 'ends in order' : 'is gone');
      faults.restartCoordinatorLater();
    },
  });

  const open = new Map<string, Execution>();
  const world: World = {
    options,
    random,
    time,
    network,
    coordinator,
    store,
    checkers,
    open,
    tell: tellNote,
    healed: () => phase.healed,
    left(worker, code) {
      cover(`worker left with ${code}`);
      faults.restartLater(worker, false);
    },
    moved: () => void (phase.activity += 1),
  };
  const workers = slots.map((count, index) => createWorker(world, `w${index + 1}`, count));
  const faults = createFaultPlan(options, {
    time,
    random: random.fork('faults'),
    network,
    coordinator,
    workers,
    store,
    tell: (what) => tell('fault', what),
    spoolHarmed(worker) {
      for (const checker of checkers) checker.spoolHarmed?.(worker);
    },
    stalled(incarnation) {
      for (const execution of open.values()) if (execution.incarnation === incarnation) execution.stalled = true;
    },
  });
  const client = createClient(options, {
    time,
    random: random.fork('client'),
    ask: (request, answer) =>
      coordinator.ask(request, (reply) => {
        for (const checker of checkers) checker.answered?.(request.kind, reply?.ok === true);
        answer(reply);
      }),
    replied(operation, outcome) {
      tell(
        'p',
        `${operation.name} ${operation.key}${operation.n === undefined ? '' : `.${operation.n}`}: ${JSON.stringify(outcome).slice(0, 80)}`,
      );
      for (const checker of checkers) checker.replied?.(operation, outcome, store.rows);
    },
    stateOf: (key) => store.rows().runs.find((row) => row.key === key)?.state,
  });

  return { options, random, time, history, store, slots, checkers, tell, phase, covered, coordinator, workers, faults, client };
}

/** Runs one seed to its end or to the first violation. */
export function simulate(seed: string, verbose?: (line: string) => void): SimulationResult {
  const { options, random, time, history, store, slots, checkers, tell, phase, covered, coordinator, workers, faults, client } =
    createCluster(seed, verbose);
  const pending = (): string[] => pendingOf(options.runs, store.rows(), client, workers, coordinator);

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
    phase.healed = true;
    faults.heal();
    client.heal();
    const end = time.now() + QUIET_MS + (3 * options.runs * options.tasksMax * options.taskMsMax) / slots[0]!;
    let quietSince = time.now();
    let before = -1;
    while (time.now() < end && time.now() - quietSince < QUIET_MS) {
      runUntil(time.now() + 2000);
      if (phase.activity !== before) quietSince = time.now();
      before = phase.activity;
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
    violation = violationOf(error);
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

function createCheckers(options: SimulationOptions, slots: readonly number[]): Checker[] {
  const total = slots.reduce((sum, each) => sum + each, 0);
  // A lease stays in memory while its end is on the way to the store, so more than the slots are justified.
  // One more worker: the stranger.
  const sizes = { workers: options.workers + 1, runs: options.runs, delays: options.runs * options.tasksMax, leases: total * 3 };
  return [
    ...createAcceptedChecker(),
    ...createLeaseCheckers(),
    createReplayChecker(),
    createSpoolChecker(),
    ...createHeldCheckers(),
    createDoubtChecker(),
    ...createExecutionCheckers(),
    ...createHolderCheckers(),
    createLivenessChecker(),
    createMemoryChecker(sizes),
  ];
}

function violationOf(error: unknown): SimulationResult['violation'] {
  if (error instanceof Violation) return { checker: error.checker, message: error.message };
  const details = JSON.stringify((error as { details?: unknown }).details ?? {});
  return { checker: 'crash', message: `${errorText(error)} ${details}\n${error instanceof Error ? error.stack : ''}` };
}

const STORY_LINES = 40;
const EVENTS_MAX = 3_000_000;
/** Longer than `lostAfter`, the longest task and a backoff together. */
const QUIET_MS = 400_000;
