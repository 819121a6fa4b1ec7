/**
 * Keeps test runners warm: one host per slot and suite, started before its first order, reused over units.
 *
 * B1 A host has at most one unit at a time.
 * B2 A host that crashed, was signalled or cannot work is never given a unit again.
 * B3 When a host's `gone` is told, no process of it is left.
 * B4 A slot keeps at most `HOSTS_PER_SLOT_MAX` hosts: the one used longest ago is closed for a new one.
 * B5 A host that asks to be replaced is closed when its unit is over; the next unit has a new one.
 */
import { durationMs } from '@holdfast/kernel';
import type { CaseResult, TestUnit } from '@holdfast/model';
import type { HostEvent } from '@holdfast/test-adapters';
import { describeExit, type Host, type HostExit, openHost } from '@holdfast/test-adapters/host';
import type { Surroundings } from './attempt.ts';
import { launchWithin } from './launch.ts';
import { secretValues } from './environment.ts';
import { maskPatterns, maskText } from './mask.ts';
import type { Signal } from './overseer.ts';
import { hostMarker, type HostPlace } from './place.ts';
import { MARKER } from './sweep.ts';

export type UnitEnd = Extract<HostEvent, { t: 'end' }>;

/** How a host went away. */
export interface HostGone {
  /** A sentence. */
  readonly why: string;
  /** Its runner cannot work here, or it could not be started: another try would end the same. */
  readonly unusable: boolean;
  readonly exit: HostExit;
  /** The test that began last in the unit, if the runner told of one. */
  readonly test: string | undefined;
  /** Processes that would not die. */
  readonly left: readonly number[];
}

/** The ears of the attempt whose unit a host runs. */
export interface UnitEars {
  /** The host is ready and has been given the unit. */
  started(pid: number | undefined): void;
  output(stream: 'out' | 'err', chunk: Buffer): void;
  case(result: CaseResult): void;
  end(event: UnitEnd): void;
  gone(gone: HostGone): void;
}

export interface WarmHost {
  /** Gives the host a unit, at once or when it is ready. It must have none. */
  run(unit: TestUnit, run: number, ears: UnitEars): void;
  /** The unit is over and its ears need nothing more. */
  release(): void;
  /** A host that was sent SIGTERM or SIGKILL is not used again. */
  signal(signal: Signal): boolean;
}

export interface WarmHosts {
  prewarm(place: HostPlace): void;
  /**
   * The host for a place, started if there is none. Undefined: it is busy, which is the caller's mistake.
   * `again`: a broken host is replaced. Else it answers for every unit what it said for the first: a suite whose
   * global setup fails ends fast.
   */
  take(place: HostPlace, again: boolean): WarmHost | undefined;
  runEnded(run: number): void;
  close(): Promise<void>;
}

interface Entry extends WarmHost {
  readonly slot: number;
  readonly runs: Set<number>;
  readonly gone: Promise<void>;
  usedAt: number;
  busy(): boolean;
  /** It said that no unit can run in it any more. */
  broken(): boolean;
  close(): void;
}

/** Makes the warm hosts of a worker. */
export function createWarmHosts(around: Surroundings): WarmHosts {
  const entries = new Map<string, Entry>();
  const leaving = new Set<Promise<void>>();
  const openRuns = new Set<number>();
  let uses = 0;

  const obtain = (place: HostPlace): Entry => {
    const key = `${place.slot} ${place.key}`;
    const found = entries.get(key);
    uses += 1;
    if (found) {
      found.usedAt = uses;
      return found;
    }
    const others = [...entries.values()].filter((entry) => entry.slot === place.slot && !entry.busy()).sort((a, b) => a.usedAt - b.usedAt);
    for (const old of others.slice(0, Math.max(0, others.length - HOSTS_PER_SLOT_MAX + 1))) old.close();
    const forget = (entry: Entry): void => {
      if (entries.get(key) === entry) entries.delete(key);
    };
    const entry = startHost(place, around, openRuns, forget);
    entry.usedAt = uses;
    entries.set(key, entry);
    leaving.add(entry.gone);
    void entry.gone.then(() => leaving.delete(entry.gone));
    return entry;
  };

  return {
    prewarm: (place) => void obtain(place),
    take(place, again) {
      const entry = obtain(place);
      if (entry.busy()) return undefined;
      if (!again || !entry.broken()) return entry;
      entry.close();
      return obtain(place);
    },
    runEnded(run) {
      openRuns.delete(run);
      for (const entry of [...entries.values()]) {
        const used = entry.runs.delete(run);
        // One that was prewarmed and not yet used waits for its run as long as any run is open.
        if (entry.runs.size === 0 && !entry.busy() && (used || openRuns.size === 0)) entry.close();
      }
    },
    async close() {
      for (const entry of [...entries.values()]) entry.close();
      await Promise.all(leaving);
    },
  };
}

function startHost(place: HostPlace, around: Surroundings, openRuns: Set<number>, forget: (entry: Entry) => void): Entry {
  const marker = hostMarker();
  let state: 'starting' | 'ready' | 'gone' = 'starting';
  let work: { readonly unit: TestUnit; readonly ears: UnitEars } | undefined;
  let unusable: string | undefined;
  let broken = false;
  let worn = false;
  let test: string | undefined;
  let closing = false;
  let id = 0;
  let cancelTimer = (): void => undefined;

  const launch = launchWithin(around.policy, process.execPath, [...place.program.execArgv, place.program.path]);
  const [path = '', ...rest] = launch.args.toReversed();
  around.reaper.expect(marker);
  const host: Host = openHost(
    {
      program: { path, execArgv: rest.toReversed() },
      node: launch.file,
      cwd: place.folder,
      env: { ...place.env, [MARKER]: marker },
    },
    {
      output: (stream, chunk) => work?.ears.output(stream, chunk),
      event(event) {
        if (event.t === 'ready') {
          cancelTimer();
          state = 'ready';
          begin();
        } else if (event.t === 'unusable') unusable = event.reason;
        else if (event.t === 'at' && event.id === id) test = event.test;
        else if (event.t === 'case' && event.id === id) work?.ears.case(event.result);
        else if (event.t === 'end' && event.id === id) {
          broken = event.broken === true;
          worn = event.recycle === true;
          test = undefined;
          work?.ears.end(event);
        }
      },
    },
  );
  const begin = (): void => {
    if (!work || state !== 'ready') return;
    id += 1;
    test = undefined;
    work.ears.started(host.pid);
    host.send({ t: 'run', id, unit: work.unit });
  };
  const end = async (): Promise<void> => {
    const exit = await host.exited;
    cancelTimer();
    const wasReady = state === 'ready';
    state = 'gone';
    forget(entry);
    const left = host.pid === undefined ? [] : await around.sweeper.clear(marker, host.pid);
    around.reaper.unwatch(marker);
    const why = unusable ?? describeExit(exit);
    // Closed in order and yet not well: its teardown failed. One that was killed or broke down says so elsewhere.
    if (closing && wasReady && exit.code !== 0 && exit.signal === null) {
      around.teardownFailed(maskText(why, maskPatterns(secretValues({}, place.env))));
    }
    work?.ears.gone({ why, unusable: unusable !== undefined || host.pid === undefined, exit, test, left });
    work = undefined;
  };
  if (host.pid !== undefined) around.reaper.watch(host.pid, marker);
  host.send({ t: 'open', cwd: place.folder, suite: place.suite, slot: place.slot });
  cancelTimer = around.timers.set(durationMs(READY_MS), () => {
    unusable = `the test host was not ready after ${READY_MS / 1000} s`;
    host.kill('SIGKILL');
  });

  const entry: Entry = {
    slot: place.slot,
    runs: new Set(),
    usedAt: 0,
    gone: Promise.resolve(),
    busy: () => work !== undefined,
    broken: () => broken,
    run(unit, run, ears) {
      entry.runs.add(run);
      openRuns.add(run);
      work = { unit, ears };
      begin();
    },
    release() {
      work = undefined;
      if (worn) entry.close();
    },
    signal(signal) {
      if (state === 'gone' || host.pid === undefined) return false;
      if (signal === 'SIGTERM' || signal === 'SIGKILL') forget(entry);
      host.kill(signal);
      return true;
    },
    close() {
      closing = true;
      forget(entry);
      cancelTimer();
      host.send({ t: 'close' });
      cancelTimer = around.timers.set(durationMs(CLOSE_MS), () => host.kill('SIGKILL'));
    },
  };
  return Object.assign(entry, { gone: end() });
}

const HOSTS_PER_SLOT_MAX = 2;
const READY_MS = 120_000;
const CLOSE_MS = 5000;
