/** Attempts that take time and end in seeded ways, on whatever worker they run. */
import type { Random } from '@holdfast/kernel';
import {
  type AttemptEvent,
  type AttemptOrder,
  type AttemptOutcome,
  type AttemptResult,
  type CaseResult,
  type LeaseKey,
  leaseText,
} from '@holdfast/model';
import { isLarge, largeCases, largeLog, largeState, type Sizes } from './sizes.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface FakeExecutor {
  start(order: AttemptOrder): void;
  stop(lease: LeaseKey): void;
  pause(lease: LeaseKey, paused: boolean): void;
  /** All processes die at once; nothing is reported. */
  die(): void;
}

interface Attempt {
  readonly order: AttemptOrder;
  readonly outcome: AttemptOutcome;
  readonly cases: readonly CaseResult[];
  /** Decides how large what it tells is. */
  readonly sizes: Random;
  printed: number;
  left: number;
  runningSince: number | undefined;
  /** Its process is there. */
  begun: boolean;
  cancel: (() => void)[];
  checkpoints: number;
}

export interface FakeExecutorPorts {
  readonly time: VirtualTime;
  /** Decides by lease, whoever runs it. */
  readonly random: Random;
  readonly taskMsMax: number;
  readonly sizes: Sizes;
  readonly killMsMax: number;
  report(event: AttemptEvent): void;
  started(order: AttemptOrder): void;
  stopped(lease: LeaseKey): void;
  ended(lease: LeaseKey, result: AttemptResult): void;
}

export function createFakeExecutor(ports: FakeExecutorPorts): FakeExecutor {
  const { time } = ports;
  const attempts = new Map<string, Attempt>();

  function end(attempt: Attempt, outcome: AttemptOutcome, cases: readonly CaseResult[]): void {
    const { run, n, epoch } = attempt.order;
    for (const cancel of attempt.cancel) cancel();
    attempts.delete(leaseText(attempt.order));
    ports.stopped({ run, n, epoch });
    const result = { outcome, durationMs: 1, cases };
    ports.ended({ run, n, epoch }, result);
    ports.report({ kind: 'ended', lease: { run, n, epoch }, result });
  }

  function go(attempt: Attempt): void {
    const { run, n, epoch, timeoutMs } = attempt.order;
    const lease = { run, n, epoch };
    attempt.runningSince = time.now();
    const endsBy = timeoutMs > 0 && timeoutMs < attempt.left ? 'timed_out' : attempt.outcome;
    const left = timeoutMs > 0 ? Math.min(attempt.left, timeoutMs) : attempt.left;
    attempt.cancel = [time.after(left, () => end(attempt, endsBy, endsBy === 'timed_out' ? [] : attempt.cases))];
    const step = (): void => {
      attempt.checkpoints += 1;
      const large = isLarge(ports.sizes, attempt.sizes);
      const state = large ? { state: largeState(attempt.sizes) } : {};
      ports.report({ kind: 'checkpoint', lease, seq: attempt.checkpoints, data: { epoch, step: attempt.checkpoints, ...state } });
      ports.report({ kind: 'note', lease, note: 'half way', fraction: 0.5 });
      const text = large ? largeLog(attempt.sizes) : 'ten bytes\n';
      ports.report({ kind: 'log', lease, offset: attempt.printed, stream: 'out', text });
      attempt.printed += new TextEncoder().encode(text).byteLength;
      if (attempt.checkpoints < 8) attempt.cancel.push(time.after(CHECKPOINT_EVERY_MS, step));
    };
    attempt.cancel.push(time.after(CHECKPOINT_EVERY_MS / 2, step));
  }

  return {
    start(order) {
      const text = leaseText(order);
      if (attempts.has(text)) throw new Error(`${text} was started twice`);
      const random = ports.random.fork(text);
      const sizes = random.fork('sizes');
      ports.started(order);
      // Log-uniform: many short ones, few long ones.
      const length = Math.exp(random.float() * Math.log(ports.taskMsMax));
      const attempt: Attempt = {
        order,
        outcome: pickOutcome(random.float()),
        cases: isLarge(ports.sizes, sizes) ? largeCases(sizes, order.name) : makeCases(random, order.name),
        sizes,
        printed: 0,
        left: length,
        runningSince: undefined,
        begun: false,
        cancel: [],
        checkpoints: order.resumeFrom?.seq ?? 0,
      };
      attempts.set(text, attempt);
      attempt.cancel = [
        time.after(1 + random.below(50), () => {
          attempt.begun = true;
          ports.report({ kind: 'started', lease: { run: order.run, n: order.n, epoch: order.epoch } });
          go(attempt);
        }),
      ];
    },
    stop(lease) {
      const attempt = attempts.get(leaseText(lease));
      if (!attempt) return;
      const random = ports.random.fork(`${leaseText(lease)}/kill`);
      for (const cancel of attempt.cancel) cancel();
      attempt.begun = false;
      attempt.cancel = [time.after(1 + random.below(ports.killMsMax), () => end(attempt, 'cancelled', []))];
    },
    pause(lease, paused) {
      const attempt = attempts.get(leaseText(lease));
      if (!attempt?.begun) return;
      if (paused === (attempt.runningSince === undefined)) return;
      if (paused) {
        for (const cancel of attempt.cancel) cancel();
        attempt.left -= time.now() - attempt.runningSince!;
        attempt.runningSince = undefined;
      } else go(attempt);
      ports.report({ kind: 'paused', lease, paused });
    },
    die() {
      for (const attempt of attempts.values()) {
        for (const cancel of attempt.cancel) cancel();
        ports.stopped({ run: attempt.order.run, n: attempt.order.n, epoch: attempt.order.epoch });
      }
      attempts.clear();
    },
  };
}

function pickOutcome(chance: number): AttemptOutcome {
  if (chance < 0.8) return 'passed';
  return chance < 0.94 ? 'failed' : 'errored';
}

/** Sometimes so many that the result travels in parts. */
function makeCases(random: Random, name: string): CaseResult[] {
  const count = random.chance(0.05) ? 70 + random.below(60) : random.below(4);
  return Array.from({ length: count }, (_, index) => ({
    path: [name, `case ${index + 1}`],
    file: 'a.test.ts',
    grade: 'passed',
    durationMs: 1,
    attempts: 1,
  }));
}

const CHECKPOINT_EVERY_MS = 4000;
