/**
 * The laws that every machine of Holdfast keeps, checked over random traces of its inputs.
 *
 * L1 Determinism: the same trace gives the same effects and the same snapshots.
 * L2 An early tick returns [] and changes nothing; so does a second tick at the same time.
 * L3 Right after `tick(now)` the deadline is undefined or later than `now`: no driver spins.
 * L4 A snapshot is plain data: only finite or missing values, arrays and plain objects.
 * L5 What the machine keeps stays below its bound.
 */
import { createRandom, type Machine, type MonoMs, monoMs, type Random } from '@holdfast/kernel';
import fc from 'fast-check';

export interface MachineLaws<Input, Effect, Snapshot> {
  /** A new machine, the same each time. */
  readonly create: () => Machine<Input, Effect, Snapshot>;
  /** One input that the world might offer in this state. */
  readonly input: (random: Random, snapshot: Snapshot) => Input;
  /** Sizes that must stay bounded (L5), by name: what is kept now, and its limit. */
  readonly sizes?: (snapshot: Snapshot) => Readonly<Record<string, readonly [kept: number, max: number]>>;
  /** Checked after every step; throw to fail. */
  readonly invariant?: (snapshot: Snapshot, effects: readonly Effect[]) => void;
  /** Most inputs of one trace (default 60). */
  readonly inputsMax?: number;
  /** Most milliseconds between two inputs (default 5000). */
  readonly gapMax?: number;
  /** `numRuns`, `seed`, `path`: see `fastCheckParameters`. */
  readonly parameters?: fc.Parameters<unknown>;
}

interface Step {
  readonly gap: number;
  readonly pick: number;
}

/** Throws with seed and path of the smallest failing trace when `laws.create()` breaks a law. */
export function checkMachineLaws<Input, Effect, Snapshot>(laws: MachineLaws<Input, Effect, Snapshot>): void {
  const step = fc.record({
    gap: fc.oneof(fc.constant(0), fc.nat({ max: 20 }), fc.nat({ max: laws.gapMax ?? 5000 })),
    pick: fc.nat({ max: 0x7fffffff }),
  });
  const steps = fc.array(step, { maxLength: laws.inputsMax ?? 60, size: 'max' });
  fc.assert(
    fc.property(steps, (trace) => runTrace(laws, trace)),
    { numRuns: 100, includeErrorInReport: true, ...(laws.parameters as fc.Parameters<[Step[]]>) },
  );
}

/** `FC_SEED`, `FC_PATH` and `FC_RUNS` of an environment as fast-check's parameters, to replay a printed failure. */
export function fastCheckParameters(environment: Readonly<Record<string, string | undefined>>): fc.Parameters<unknown> {
  const { FC_SEED: seed, FC_PATH: path, FC_RUNS: runs } = environment;
  return {
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path === undefined ? {} : { path }),
    ...(runs === undefined ? {} : { numRuns: Number(runs) }),
  };
}

function runTrace<Input, Effect, Snapshot>(laws: MachineLaws<Input, Effect, Snapshot>, trace: readonly Step[]): void {
  const machine = laws.create();
  const twin = laws.create();
  let now = monoMs(0);
  for (const { gap, pick } of trace) {
    const end = monoMs(now + gap);
    now = runDeadlines(laws, machine, twin, now, end);
    const input = laws.input(createRandom(pick), machine.snapshot());
    both(laws, machine, twin, (one) => one.handle(input, now));
    checkTick(laws, machine, twin, now);
  }
}

/** Ticks at each deadline up to `end`, and once before each. */
function runDeadlines<Input, Effect, Snapshot>(
  laws: MachineLaws<Input, Effect, Snapshot>,
  machine: Machine<Input, Effect, Snapshot>,
  twin: Machine<Input, Effect, Snapshot>,
  from: MonoMs,
  end: MonoMs,
): MonoMs {
  let now = from;
  for (let count = 0; count < TICKS_PER_GAP_MAX; count += 1) {
    const deadline = machine.deadline();
    if (deadline === undefined || deadline > end) break;
    const early = monoMs((now + Math.max(now, deadline)) / 2);
    if (early < deadline) checkQuiet(machine, early, 'L2 early tick');
    now = monoMs(Math.max(now, deadline));
    checkTick(laws, machine, twin, now);
  }
  return end;
}

function checkTick<Input, Effect, Snapshot>(
  laws: MachineLaws<Input, Effect, Snapshot>,
  machine: Machine<Input, Effect, Snapshot>,
  twin: Machine<Input, Effect, Snapshot>,
  now: MonoMs,
): void {
  both(laws, machine, twin, (one) => one.tick(now));
  checkQuiet(machine, now, 'L2 repeated tick');
  const deadline = machine.deadline();
  if (deadline !== undefined && deadline <= now) throw new Error(`L3 deadline ${deadline} is not after tick(${now})`);
}

function both<Input, Effect, Snapshot>(
  laws: MachineLaws<Input, Effect, Snapshot>,
  machine: Machine<Input, Effect, Snapshot>,
  twin: Machine<Input, Effect, Snapshot>,
  act: (one: Machine<Input, Effect, Snapshot>) => readonly Effect[],
): void {
  const effects = act(machine);
  const snapshot = machine.snapshot();
  same('L1 effects', effects, act(twin));
  same('L1 snapshot', snapshot, twin.snapshot());
  same('L1 deadline', machine.deadline(), twin.deadline());
  checkPlain(snapshot, 'snapshot');
  for (const [name, [kept, max]] of Object.entries(laws.sizes?.(snapshot) ?? {})) {
    if (!(kept <= max)) throw new Error(`L5 ${name} is ${kept}, more than ${max}`);
  }
  laws.invariant?.(snapshot, effects);
}

function checkQuiet<Input, Effect, Snapshot>(machine: Machine<Input, Effect, Snapshot>, now: MonoMs, law: string): void {
  const before = JSON.stringify(machine.snapshot());
  const effects = machine.tick(now);
  if (effects.length > 0) throw new Error(`${law} at ${now} did ${JSON.stringify(effects)}`);
  if (JSON.stringify(machine.snapshot()) !== before) throw new Error(`${law} at ${now} changed the state`);
}

function same(law: string, left: unknown, right: unknown): void {
  const one = JSON.stringify(left);
  const other = JSON.stringify(right);
  if (one !== other) throw new Error(`${law} differ: ${one} and ${other}`);
}

function checkPlain(value: unknown, path: string): void {
  if (value === null || value === undefined || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new Error(`L4 ${path} is ${value}`);
    return;
  }
  if (typeof value !== 'object') throw new Error(`L4 ${path} is a ${typeof value}`);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) throw new Error(`L4 ${path} is not a plain object`);
  for (const [key, child] of Object.entries(value)) checkPlain(child, `${path}.${key}`);
}

const TICKS_PER_GAP_MAX = 1000;
