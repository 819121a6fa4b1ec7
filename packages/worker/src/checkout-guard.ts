/**
 * Keeps attempts from running on another state of the checkout than the one that their run belongs to.
 *
 * C1 The first attempt of a bound run begins only after a reading that began when its lease was here already.
 * C2 While a run is under way, commit and lock file are compared at every reading, other changes only when the next run
 *    begins: tests may write files into their own checkout.
 * C3 A checkout that cannot be read is of no known state: bound runs are given back until it can be read again.
 */
import { type DurationMs, errorText, type Timers } from '@holdfast/kernel';
import { type Fingerprint, fingerprintClass } from '@holdfast/model';

export interface CheckoutGuard {
  /** Calls `start` once the checkout is known to be that of the run, or never. `lease`: names it for `withdraw`. */
  begin(run: number, classOfRun: string | undefined, lease: string, start: () => void): void;
  /** The lease shall not begin any more; returns whether it had not. */
  withdraw(lease: string): boolean;
  runEnded(run: number): void;
  /** Reads soon: something may have changed. */
  look(): void;
  close(): void;
}

export interface CheckoutGuardPorts {
  readonly timers: Timers;
  /** Reads the state as it is now. */
  read(): Promise<Fingerprint>;
  /** The state is another one; undefined: it cannot be read. */
  changed(now: Fingerprint | undefined, problem: string): void;
}

/** Creates a guard over a checkout that was `first` when the worker registered. It reads every `every` as long as it is open. */
export function createCheckoutGuard(first: Fingerprint, every: DurationMs, ports: CheckoutGuardPorts): CheckoutGuard {
  /** What the worker last registered with. */
  let known: Fingerprint | undefined = first;
  /** Runs under way, and whether the checkout was read for them. */
  const checked = new Set<number>();
  const waiting = new Map<string, { readonly run: number; readonly classOfRun: string; readonly start: () => void }>();
  let reading = false;
  let again = false;
  let closed = false;
  let cancelTimer = (): void => undefined;

  const rest = (): void => {
    cancelTimer();
    if (!closed) cancelTimer = ports.timers.set(every, look);
  };

  function look(): void {
    if (closed) return;
    // A reading under way may have passed what changed.
    if (reading) again = true;
    else void readOnce();
  }

  async function readOnce(): Promise<void> {
    reading = true;
    const asked = [...waiting.keys()];
    let found: Fingerprint | undefined;
    let problem = '';
    try {
      found = await ports.read();
    } catch (error) {
      problem = errorText(error);
    }
    reading = false;
    if (closed) return;
    compare(found, problem, asked.length > 0 || checked.size === 0);
    release(asked);
    if (again || [...waiting.keys()].some((lease) => !asked.includes(lease))) {
      again = false;
      look();
    } else rest();
  }

  function compare(found: Fingerprint | undefined, problem: string, wholly: boolean): void {
    const same =
      wholly || !known || !found ? textOf(known) === textOf(found) : known.commit === found.commit && known.lockfile === found.lockfile;
    if (same) return;
    known = found;
    checked.clear();
    ports.changed(found, problem);
  }

  /** What is of another state stays: the node withdraws it. */
  function release(asked: readonly string[]): void {
    for (const lease of asked) {
      const one = waiting.get(lease);
      if (!one || one.classOfRun !== textOf(known)) continue;
      waiting.delete(lease);
      checked.add(one.run);
      one.start();
    }
  }

  rest();
  return {
    begin(run, classOfRun, lease, start) {
      if (classOfRun === undefined || checked.has(run)) return start();
      waiting.set(lease, { run, classOfRun, start });
      if (!reading) look();
    },
    withdraw: (lease) => waiting.delete(lease),
    runEnded: (run) => void checked.delete(run),
    look,
    close() {
      closed = true;
      waiting.clear();
      cancelTimer();
    },
  };
}

const textOf = (print: Fingerprint | undefined): string => (print ? fingerprintClass(print) : '');
