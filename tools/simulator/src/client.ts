/**
 * A client of the coordinator: submits runs under idempotency keys, retries what it is not sure of, and meddles with what it submitted.
 *
 * Every operation ends in one of three ways: it happened, it certainly did not, or nobody knows.
 */
import type { ClientReply, ClientRequest } from '@holdfast/coordinator-core';
import type { Random } from '@holdfast/kernel';
import { DEFAULT_POLICY, type OnDisconnect, runId, type TaskBody, type TaskSpec } from '@holdfast/model';
import type { ClientOperation, ClientOutcome } from './history.ts';
import type { SimulationOptions } from './options.ts';
import { isLarge, largeBody } from './sizes.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface ClientPorts {
  readonly time: VirtualTime;
  readonly random: Random;
  ask(request: ClientRequest, answer: (reply: ClientReply | undefined) => void): boolean;
  replied(operation: ClientOperation, outcome: ClientOutcome): void;
  /** What the store says of the run, as a status page would: undefined while there is none. */
  stateOf(key: string): string | undefined;
}

export interface Client {
  start(): void;
  /** Submits what is missing, resumes, unpauses and seals, until all is over. */
  heal(): void;
  /** Keys of runs that were not accepted yet, or that wait for this client. */
  pending(): readonly string[];
}

interface Plan {
  readonly key: string;
  readonly tasks: readonly TaskSpec[];
  /** So many in the submission; the rest is added afterwards. */
  readonly first: number;
  id: string | undefined;
  added: boolean;
  sealed: boolean;
  closed: boolean;
  readonly paused: Set<number>;
}

export function createClient(options: SimulationOptions, ports: ClientPorts): Client {
  const { time } = ports;
  const work = ports.random.fork('work');
  const chance = ports.random.fork('network');
  const whims = ports.random.fork('whims');
  let healed = false;
  let ids = 0;
  const plans: Plan[] = Array.from({ length: options.runs }, (_, index) => plan(`k${index + 1}`, work.fork(String(index)), options));

  /** One request over an unreliable network, answered once. */
  function ask(operation: ClientOperation, request: ClientRequest, then: (outcome: ClientOutcome) => void): void {
    let open = true;
    const finish = (outcome: ClientOutcome): void => {
      if (!open) return;
      open = false;
      giveUp();
      ports.replied(operation, outcome);
      then(outcome);
    };
    const giveUp = time.after(PATIENCE_MS, () => finish({ kind: 'info' }));
    const lost = (): boolean => !healed && chance.chance(options.faults.requestLost);
    time.after(1 + chance.below(20), () => {
      if (lost()) return;
      const heard = ports.ask(request, (reply) => {
        time.after(1 + chance.below(20), () => {
          if (reply === undefined || lost()) finish({ kind: 'info' });
          else finish(reply.ok ? { kind: 'ok', value: reply.value } : { kind: 'fail', code: reply.code });
        });
      });
      if (!heard) finish({ kind: 'fail', code: 'refused' });
    });
  }

  function submit(each: Plan): void {
    ids += 1;
    const operation = { name: 'submit', key: each.key, tasks: each.first };
    const seal = each.first === each.tasks.length;
    const tasks = each.tasks.slice(0, each.first);
    const id = runId(`r${ids}`);
    const request = { kind: 'submit', id, name: each.key, spec: {}, key: each.key, keyHash: each.key, tasks, seal } as const;
    ask(operation, request, (outcome) => {
      if (outcome.kind !== 'ok') return void time.after(500 + chance.below(2000), () => submit(each));
      each.id = (outcome.value as { id: string }).id;
      each.sealed = seal;
      each.added = seal;
      if (!seal) time.after(whims.below(5000), () => add(each));
    });
  }

  function add(each: Plan): void {
    const tasks = each.tasks.slice(each.first);
    const operation = { name: 'addTasks', key: each.key, tasks: tasks.length };
    ask(operation, { kind: 'addTasks', id: runId(each.id!), expect: each.first, tasks }, (outcome) => {
      // `already_added`: an earlier call whose reply was lost did it. `unknown_run` and `run_closed`: the run was cancelled.
      if (outcome.kind === 'ok' || (outcome.kind === 'fail' && OVER.has(outcome.code))) {
        each.added = true;
        seal(each);
      } else time.after(500 + chance.below(2000), () => add(each));
    });
  }

  function seal(each: Plan): void {
    ask({ name: 'seal', key: each.key, tasks: 0 }, { kind: 'seal', id: runId(each.id!) }, (outcome) => {
      if (outcome.kind === 'ok' || (outcome.kind === 'fail' && OVER.has(outcome.code))) each.sealed = true;
      else time.after(500 + chance.below(2000), () => seal(each));
    });
  }

  function meddle(): void {
    if (healed) return;
    time.after(500 + whims.below(8000), meddle);
    const each = whims.pick(plans);
    if (each.id === undefined) return;
    const id = runId(each.id);
    const n = 1 + whims.below(each.tasks.length);
    const about = { key: each.key, tasks: 0, n };
    const none = (): void => {};
    switch (
      whims.pick(['cancelTask', 'cancelTask', 'pause', 'pause', 'pause', 'interrupt', 'cancelRun', 'status', 'drainWorker'] as const)
    ) {
      case 'cancelTask':
        return ask({ name: 'cancelTask', ...about }, { kind: 'cancelTask', id, n }, none);
      case 'pause':
        each.paused.add(n);
        ask({ name: 'pause', ...about }, { kind: 'pauseTask', id, n, paused: true }, none);
        return void time.after(whims.below(10_000), () =>
          ask({ name: 'unpause', ...about }, { kind: 'pauseTask', id, n, paused: false }, none),
        );
      case 'interrupt':
        ask({ name: 'interrupt', ...about }, { kind: 'interruptRun', id }, none);
        return void time.after(whims.below(10_000), () => ask({ name: 'resume', ...about }, { kind: 'resumeRun', id }, none));
      case 'cancelRun':
        if (whims.chance(0.2)) ask({ name: 'cancelRun', ...about }, { kind: 'cancelRun', id }, none);
        return;
      case 'status':
        return ask({ name: 'status', ...about }, { kind: 'status' }, none);
      case 'drainWorker':
        if (!whims.chance(0.3)) return;
        return ask(
          { name: 'drainWorker', ...about },
          { kind: 'drainWorker', worker: `w${1 + whims.below(options.workers)}` as never },
          none,
        );
    }
  }

  function finish(): void {
    let open = false;
    for (const each of plans) {
      const state = ports.stateOf(each.key);
      if (state === 'finished' || state === 'cancelled') {
        each.closed = true;
        continue;
      }
      open = true;
      if (each.id === undefined) continue;
      const id = runId(each.id);
      const about = { key: each.key, tasks: 0 };
      if (state === 'interrupted') ask({ name: 'resume', ...about }, { kind: 'resumeRun', id }, () => {});
      for (const n of each.paused) ask({ name: 'unpause', ...about, n }, { kind: 'pauseTask', id, n, paused: false }, () => {});
    }
    if (open) time.after(5000, finish);
  }

  return {
    start() {
      for (const each of plans) time.after(work.below(Math.floor(options.safetyMs * 0.7)), () => submit(each));
      meddle();
    },
    heal() {
      healed = true;
      time.after(1000, finish);
    },
    pending: () => plans.filter((each) => !each.closed && !each.sealed).map((each) => `run ${each.key} waits for its client`),
  };
}

function plan(key: string, random: Random, { tasksMax, sizes }: SimulationOptions): Plan {
  const count = 1 + random.below(tasksMax);
  const bodies = random.fork('bodies');
  const onDisconnect = random.pick<OnDisconnect | 'mixed'>(['replace', 'hedge', 'wait', 'mixed', 'mixed']);
  const chained = random.chance(0.3);
  const tasks = Array.from({ length: count }, (_, index): TaskSpec => {
    const policy = {
      ...DEFAULT_POLICY,
      priority: random.below(10),
      timeoutMs: random.chance(0.2) ? 3000 : 0,
      retries: random.below(3),
      retryDelayMs: random.pick([0, 0, 500, 5000]),
      maxLost: random.pick([1, 3, 3, 10]),
      onDisconnect: onDisconnect === 'mixed' ? random.pick<OnDisconnect>(['replace', 'hedge', 'wait']) : onDisconnect,
    };
    const body: TaskBody = isLarge(sizes, bodies) ? largeBody(bodies) : { kind: 'noop' };
    const spec = { name: `${key}/${index + 1}`, body, policy, predictedMs: 0 };
    return chained && index > 0 && random.chance(0.4) ? { ...spec, after: [1 + random.below(index)] } : spec;
  });
  const first = random.chance(0.7) ? count : random.below(count + 1);
  return { key, tasks, first, id: undefined, added: false, sealed: false, closed: false, paused: new Set() };
}

const OVER: ReadonlySet<string> = new Set(['already_added', 'unknown_run', 'run_closed']);
const PATIENCE_MS = 10_000;
