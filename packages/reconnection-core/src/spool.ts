/**
 * What must survive the death of its process: values under keys of their own, in append-only segments on a disk.
 * Decides what is written, when it is synced and what is removed; the disk is a port, time an argument.
 *
 * K1 What was put and flushed is told by the next life, until it is settled; a settled one may be told again after a crash.
 * K2 One append a flush, however much was put since the last one.
 * K3 Synced at once while the link is down, else when something has stayed unsettled for `syncAfter`: a commit is the better fsync.
 * K4 No more than `bytesMax` on the disk. From 7/8 of it on the spool is `full`: whoever fills it takes no more work, and what
 *    is under way still finds room. What does not is counted in `notKept`.
 * K5 A segment is removed when nothing in it is needed; the last quarter of one is moved first, and it goes after the sync of the copy.
 * K6 A failed append is tried again every second, with everything of it. A failed sync proves nothing about the pages written
 *    (Linux drops them): all that the segment holds is written again, into another.
 * K7 Segments of an earlier life are read, never appended to: their tail may be torn, their writer alive.
 */
import { after, type DurationMs, durationMs, type MonoMs } from '@holdfast/kernel';
import { type SpoolRecord, readRecords, writeRecord } from './spool-records.ts';

/** Of a text as UTF-8, 32 bits. The same for as long as segments are kept. */
export type Checksum = (text: string) => number;

/** Where segments are. Numbers name them; each is begun by its first `append`. */
export interface SpoolDisk {
  readonly checksum: Checksum;
  /** Bytes of a text as UTF-8. */
  readonly sizeOf: (text: string) => number;
  /** The segments that are there, by number. */
  read(): readonly { readonly segment: number; readonly text: string; readonly bytes: number }[];
  /** Appends at once, all or nothing; returns why it could not. The first append to a number that is taken fails. */
  append(segment: number, text: string): string | undefined;
  /** Makes segments durable; `done` comes later, with why it could not. */
  sync(segments: readonly number[], done: (problem: string | undefined) => void): void;
  remove(segment: number): void;
}

export interface SpoolOptions {
  /** Bytes on the disk. Default 256 MiB. */
  readonly bytesMax?: number;
  /** Bytes after which a segment is closed. Default 8 MiB. */
  readonly segmentBytes?: number;
  /** How long something may stay unsettled and unsynced while the link is up. Default 1 s. */
  readonly syncAfter?: DurationMs;
}

export interface SpoolStatus {
  /** Values kept. */
  readonly records: number;
  /** Bytes on the disk, settled ones included. */
  readonly bytes: number;
  readonly bytesMax: number;
  /** Take no more work: there is little room left, or nothing can be written. */
  readonly full: boolean;
  /** Why nothing can be written; undefined: it can. */
  readonly problem: string | undefined;
  /** Records of earlier lives that could not be read. */
  readonly corrupt: number;
  /** Records of earlier lives that were being written when their process died. */
  readonly torn: number;
  /** Values that found no room. */
  readonly notKept: number;
  readonly appends: number;
  readonly syncs: number;
  readonly failures: number;
}

export interface Spool {
  /** What earlier lives have left, in the order in which it was put. */
  readonly recovered: readonly { readonly key: string; readonly value: unknown }[];
  /** Keeps a value under its key; on the disk after `flush`. */
  put(key: string, value: unknown, now: MonoMs): void;
  /** It is needed no more. Unknown keys are ignored. */
  settle(key: string, now: MonoMs): void;
  /** Writes what was put since the last flush. To be called before anything that follows from it leaves the process. */
  flush(now: MonoMs): void;
  linkChanged(up: boolean, now: MonoMs): void;
  /** Does what time makes due. */
  tick(now: MonoMs): void;
  deadline(): MonoMs | undefined;
  status(): SpoolStatus;
  /** The process ends in order: removes what nobody needs. */
  close(now: MonoMs): void;
}

interface Entry {
  readonly key: string;
  readonly line: string;
  readonly bytes: number;
  /** Undefined: not written yet. */
  segment: number | undefined;
}
interface Segment {
  bytes: number;
  readonly entries: Set<Entry>;
}

/** Reads what is there and waits for more. */
export function createSpool(disk: SpoolDisk, options: SpoolOptions = {}): Spool {
  const bytesMax = options.bytesMax ?? 256 * 1024 * 1024;
  const segmentBytes = Math.min(options.segmentBytes ?? 8 * 1024 * 1024, Math.ceil(bytesMax / 8));
  const syncAfter = options.syncAfter ?? durationMs(1000);
  const entries = new Map<string, Entry>();
  const segments = new Map<number, Segment>();
  /** Entries without a segment, in order; settled ones among them are skipped. */
  let unwritten: Entry[] = [];
  let unwrittenBytes = 0;
  /** Keys whose end no segment tells yet. */
  let ended: string[] = [];
  let endedAt: MonoMs | undefined;
  /** Written, not synced, not settled: since when. */
  let unsynced = new Map<Entry, MonoMs>();
  /** Segments that go once the copies of what they held are synced. */
  let retiring: number[] = [];
  let current: number | undefined;
  let lastSegment = 0;
  let linked = false;
  let syncing = false;
  let problem: string | undefined;
  let retryAt: MonoMs | undefined;
  const counts = { corrupt: 0, torn: 0, notKept: 0, appends: 0, syncs: 0, failures: 0 };

  const diskBytes = (): number => [...segments.values()].reduce((sum, each) => sum + each.bytes, 0);
  const recovered = recover();

  function recover(): Spool['recovered'] {
    const values = new Map<string, unknown>();
    for (const { segment, text, bytes } of disk.read()) {
      lastSegment = Math.max(lastSegment, segment);
      segments.set(segment, { bytes, entries: new Set() });
      const { records, corrupt, torn } = readRecords(text, disk.checksum);
      counts.corrupt += corrupt;
      counts.torn += torn ? 1 : 0;
      for (const { record, line } of records) {
        for (const key of 'put' in record ? [record.put] : record.settled) {
          values.delete(key);
          forget(key);
        }
        if (!('put' in record)) continue;
        const entry: Entry = { key: record.put, line, bytes: disk.sizeOf(line), segment };
        values.set(entry.key, record.value);
        entries.set(entry.key, entry);
        segments.get(segment)!.entries.add(entry);
        unsynced.set(entry, ALWAYS);
      }
    }
    for (const [segment, { entries: left }] of segments) if (left.size === 0) removeSegment(segment);
    return [...values].map(([key, value]) => ({ key, value }));
  }

  function forget(key: string): Entry | undefined {
    const entry = entries.get(key);
    if (!entry) return undefined;
    entries.delete(key);
    unsynced.delete(entry);
    if (entry.segment === undefined) unwrittenBytes -= entry.bytes;
    else segments.get(entry.segment)?.entries.delete(entry);
    return entry;
  }

  function removeSegment(segment: number): void {
    segments.delete(segment);
    disk.remove(segment);
  }

  function settle(key: string, now: MonoMs): void {
    const entry = forget(key);
    if (entry?.segment === undefined) return;
    const segment = segments.get(entry.segment);
    if (segment && segment.entries.size === 0 && entry.segment !== current) return removeSegment(entry.segment);
    ended.push(key);
    endedAt ??= now;
  }

  function put(key: string, value: unknown, now: MonoMs): void {
    if (entries.has(key)) settle(key, now);
    const line = writeRecord({ put: key, value }, disk.checksum);
    const bytes = disk.sizeOf(line);
    if (diskBytes() + unwrittenBytes + bytes > bytesMax) {
      counts.notKept += 1;
      return;
    }
    const entry: Entry = { key, line, bytes, segment: undefined };
    entries.set(key, entry);
    unwritten.push(entry);
    unwrittenBytes += bytes;
  }

  /** Where the next append goes. K5: a segment in which nothing is needed is left behind, a large one is closed. */
  function nextSegment(): number {
    const open = current === undefined ? undefined : segments.get(current);
    if (current !== undefined && open) {
      const idle = open.entries.size === 0 && open.bytes >= IDLE_BYTES;
      if (!idle && open.bytes < segmentBytes) return current;
      if (idle) removeSegment(current);
      current = undefined;
      moveRemainders();
    }
    return (current ??= lastSegment + 1);
  }

  function moveRemainders(): void {
    for (const [number, segment] of segments) {
      if (number === current || retiring.includes(number)) continue;
      const needed = [...segment.entries].reduce((sum, entry) => sum + entry.bytes, 0);
      if (needed < segment.bytes / 4) retire(number, segment);
    }
  }

  /** Everything that is needed of a segment is written again, elsewhere. */
  function retire(number: number, segment: Segment): void {
    const moved = [...segment.entries];
    segment.entries.clear();
    for (const entry of moved) {
      entry.segment = undefined;
      unsynced.delete(entry);
      unwrittenBytes += entry.bytes;
    }
    unwritten = [...moved, ...unwritten];
    retiring.push(number);
  }

  function flush(now: MonoMs): void {
    if (retryAt !== undefined && now < retryAt) return;
    // With nothing to write a disk that failed is tried all the same: somebody waits for it.
    if (!unwritten.some(isWaiting) && ended.length === 0 && problem === undefined) return;
    const segment = nextSegment();
    const written = unwritten.filter(isWaiting);
    // The ends first: a key may have been settled and put again.
    const ends: SpoolRecord[] = ended.length > 0 || written.length === 0 ? [{ settled: ended }] : [];
    const text = [...ends.map((record) => writeRecord(record, disk.checksum)), ...written.map((entry) => entry.line)].join('');
    counts.appends += 1;
    const failure = disk.append(segment, text);
    lastSegment = Math.max(lastSegment, segment);
    if (failure !== undefined) return appendFailed(failure, now);
    problem = undefined;
    retryAt = undefined;
    const open = segments.get(segment) ?? { bytes: 0, entries: new Set<Entry>() };
    segments.set(segment, open);
    open.bytes += disk.sizeOf(text);
    for (const entry of written) {
      entry.segment = segment;
      open.entries.add(entry);
      unsynced.set(entry, now);
    }
    unwritten = [];
    unwrittenBytes = 0;
    ended = [];
    endedAt = undefined;
    syncIfDue(now);
  }

  const isWaiting = (entry: Entry): boolean => entry.segment === undefined && entries.get(entry.key) === entry;

  function appendFailed(failure: string, now: MonoMs): void {
    counts.failures += 1;
    problem = failure;
    retryAt = after(now, RETRY_AFTER);
    // The next try begins another: whatever ails this one stays behind.
    current = undefined;
  }

  function syncAt(): MonoMs | undefined {
    if (syncing) return undefined;
    const oldest = unsynced.values().next().value;
    if (oldest === undefined) return retiring.length > 0 && !unwritten.some(isWaiting) ? ALWAYS : undefined;
    return linked && retiring.length === 0 ? after(oldest, syncAfter) : ALWAYS;
  }

  function syncIfDue(now: MonoMs): void {
    const at = syncAt();
    if (at === undefined || now < at) return;
    const covered = unsynced;
    const leaving = unwritten.some(isWaiting) ? [] : retiring;
    unsynced = new Map();
    if (leaving.length > 0) retiring = [];
    syncing = true;
    counts.syncs += 1;
    const touched = [...new Set([...covered.keys()].map((entry) => entry.segment!))].filter((segment) => segments.has(segment));
    disk.sync(touched, (failure) => {
      syncing = false;
      if (failure === undefined) {
        for (const segment of leaving) if (segments.has(segment)) removeSegment(segment);
        return;
      }
      counts.failures += 1;
      retiring = [...leaving, ...retiring];
      for (const number of touched) {
        if (number === current) current = undefined;
        const segment = segments.get(number);
        if (segment && !retiring.includes(number)) retire(number, segment);
      }
      problem = failure;
      retryAt = undefined;
    });
  }

  return {
    recovered,
    put,
    settle,
    flush,
    linkChanged(up, now) {
      linked = up;
      syncIfDue(now);
    },
    tick(now) {
      const endsDue = endedAt !== undefined && now >= after(endedAt, RETRY_AFTER);
      if (endsDue || problem !== undefined || unwritten.some(isWaiting)) flush(now);
      syncIfDue(now);
    },
    deadline() {
      const waits = problem !== undefined || unwritten.some(isWaiting) ? (retryAt ?? ALWAYS) : undefined;
      const ends = endedAt === undefined ? undefined : (retryAt ?? after(endedAt, RETRY_AFTER));
      const moments = [waits, ends, syncAt()].filter((at) => at !== undefined);
      return moments.length === 0 ? undefined : (Math.min(...moments) as MonoMs);
    },
    status() {
      const bytes = diskBytes();
      const full = problem !== undefined || bytes + unwrittenBytes > (bytesMax / 8) * 7;
      return { records: entries.size, bytes, bytesMax, full, problem, ...counts };
    },
    close(now) {
      if (entries.size > 0) return flush(now);
      for (const number of segments.keys()) removeSegment(number);
      current = undefined;
    },
  };
}

/** A segment with nothing needed in it is used up to here before another is begun. */
const IDLE_BYTES = 64 * 1024;
const RETRY_AFTER = durationMs(1000);
const ALWAYS = 0 as MonoMs;
