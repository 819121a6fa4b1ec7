/**
 * Finds and kills what is left of an attempt, wherever it fled: a daemon that forked twice and called setsid has left its
 * group, but not its environment.
 *
 * W1 `clear` answers [] only after a pass over all processes that found nothing of the attempt.
 * W2 Passes are shared: any number of attempts that end together cost one.
 *
 * Linux only; elsewhere the group alone is killed. A process that replaced its environment and left its group is not found.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** The variable whose value names the attempt of a process. Its value holds 128 random bits. */
export const MARKER = 'HOLDFAST_ATTEMPT';

export interface Sweeper {
  /** Kills the group and all processes that carry the marker; resolves with the ids of those that would not die within 10 s. */
  clear(marker: string, group: number | undefined): Promise<readonly number[]>;
}

export function createSweeper(): Sweeper {
  let pass: Promise<ReadonlyMap<string, readonly number[]>> | undefined;
  let next: Promise<ReadonlyMap<string, readonly number[]>> | undefined;
  /** A pass that began after the call. */
  const freshPass = (): Promise<ReadonlyMap<string, readonly number[]>> => {
    if (pass === undefined) {
      pass = markedProcesses().finally(() => (pass = undefined));
      return pass;
    }
    next ??= pass.then(() => {
      next = undefined;
      return freshPass();
    });
    return next;
  };

  return {
    async clear(marker, group) {
      const until = performance.now() + GIVE_UP_MS;
      let clean = 0;
      let found: number[] = [];
      // After a find one clean pass is no proof: what was killed may have forked behind the pass.
      for (let wanted = 1; clean < wanted;) {
        if (group !== undefined) killGroup(group);
        found = [...((await freshPass()).get(marker) ?? []), ...(group === undefined ? [] : groupMembers(group))];
        for (const id of found) killProcess(id);
        clean = found.length === 0 ? clean + 1 : 0;
        if (found.length === 0) continue;
        wanted = 2;
        if (performance.now() > until) return [...new Set(found)];
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
      return [];
    },
  };
}

/** Sends SIGKILL to a group; false when it has no member. */
export function killGroup(group: number): boolean {
  return signalGroup(group, 'SIGKILL');
}

/** Signals a group; false when it has no member. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(process.platform === 'win32' ? group : -group, signal);
    return true;
  } catch {
    /* ignored: no such group, or no right to it; both mean that nothing of ours is there. */
    return false;
  }
}

/** Living members of a group. A zombie that its parent has not waited for is no member: it does nothing. */
export function groupMembers(group: number): number[] {
  if (process.platform === 'win32' || !signalGroup(group, 0)) return [];
  if (process.platform !== 'linux') return [];
  return processIds().filter((id) => {
    const stat = processStat(id);
    return stat !== undefined && stat.group === group && stat.state !== 'Z' && stat.state !== 'X';
  });
}

/** Facts of a process from /proc; undefined if it is gone or this is not Linux. `started` tells a reused id. */
export function processStat(id: number): { readonly state: string; readonly group: number; readonly started: string } | undefined {
  const text = readIfThere(`/proc/${id}/stat`)?.toString('latin1');
  if (text === undefined) return undefined;
  // The name stands in parentheses and may hold any character.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', group: Number(fields[2]), started: fields[19] ?? '' };
}

/** All processes that carry a marker, by marker. Yields to the event loop every 64 processes. */
export async function markedProcesses(): Promise<ReadonlyMap<string, readonly number[]>> {
  const found = new Map<string, number[]>();
  if (process.platform !== 'linux') return found;
  let count = 0;
  for (const id of processIds()) {
    count += 1;
    if (count % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (id === process.pid) continue;
    const marker = markerOf(id);
    if (marker === undefined) continue;
    const ids = found.get(marker);
    if (ids) ids.push(id);
    else found.set(marker, [id]);
  }
  return found;
}

function markerOf(id: number): string | undefined {
  const data = readIfThere(`/proc/${id}/environ`);
  if (data === undefined || data.length === 0) return undefined;
  let at = data.indexOf(NEEDLE);
  while (at > 0 && data[at - 1] !== 0) at = data.indexOf(NEEDLE, at + 1);
  if (at < 0) return undefined;
  const end = data.indexOf(0, at);
  return data.toString('latin1', at + NEEDLE.length, end < 0 ? data.length : end);
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function killProcess(id: number): void {
  try {
    process.kill(id, 'SIGKILL');
  } catch {
    /* ignored: it is gone, which was wanted. */
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    /* ignored: the process ended, or is another user's. */
    return undefined;
  }
}

const NEEDLE = Buffer.from(`${MARKER}=`);
const GIVE_UP_MS = 10_000;
const AGAIN_MS = 5;
