/**
 * The processes of one sandbox, as the kernel has them: all that carry its folder in their environment or work in it, and
 * all that were ever seen to descend from one of those. A reaper has neither environment nor folder of its own: it is known
 * by its parent, which is why a census is taken while its worker lives.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface SeenProcess {
  readonly pid: number;
  readonly parent: number;
  /** `S`, `T`, `Z` and so on. */
  readonly state: string;
  /** Clock ticks since boot: tells a reused id. */
  readonly started: string;
  readonly command: string;
}

export interface Census {
  /** Looks now; whoever is seen once is remembered. */
  take(): SeenProcess[];
  /** Those remembered that still live. */
  left(): SeenProcess[];
}

/** A census of what belongs to `folder`. */
export function createCensus(folder: string): Census {
  const needle = Buffer.from(folder);
  const known = new Map<number, string>();
  const take = (): SeenProcess[] => {
    const all = new Map(processIds().flatMap((pid) => (pid === process.pid ? [] : entryOf(pid))));
    const ours = new Set<number>();
    for (const [pid, seen] of all) if (known.get(pid) === seen.started || belongs(pid, needle, folder)) ours.add(pid);
    // Children of what is ours, and theirs.
    for (let grown = true; grown;) {
      grown = false;
      for (const [pid, { parent }] of all) {
        if (ours.has(pid) || !ours.has(parent)) continue;
        ours.add(pid);
        grown = true;
      }
    }
    const found = [...ours].map((pid) => all.get(pid)!);
    for (const { pid, started } of found) known.set(pid, started);
    return found;
  };
  return { take, left: () => take().filter(({ state }) => state !== 'Z' && state !== 'X') };
}

function belongs(pid: number, needle: Buffer, folder: string): boolean {
  return (
    readIfThere(() => readFileSync(`/proc/${pid}/environ`))?.includes(needle) === true ||
    (readIfThere(() => readlinkSync(`/proc/${pid}/cwd`)) ?? '').startsWith(folder)
  );
}

function entryOf(pid: number): [] | [[number, SeenProcess]] {
  const text = readIfThere(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (text === undefined) return [];
  // The name stands in parentheses and may hold any character.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const command =
    readIfThere(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
      ?.split('\0')
      .join(' ')
      .trim() ?? '';
  return [[pid, { pid, parent: Number(fields[1]), state: fields[0] ?? '', started: fields[19] ?? '', command }]];
}

const processIds = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

function readIfThere<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    /* ignored: the process ended meanwhile, or is another user's. */
    return undefined;
  }
}
