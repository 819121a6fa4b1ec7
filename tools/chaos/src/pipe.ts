/**
 * One direction of one connection: chunks in, through every toxic in turn, and out when it is time.
 *
 * P1 The same seed, toxics and inputs at the same times give the same effects.
 * P2 Order is kept (T1). What a toxic delays waits in its queue; `heldBytes` says how much, and whoever feeds the pipe
 *    stops reading before it grows.
 * P3 After `close`, `reset` or `cut` nothing follows.
 * P4 When toxics change, bytes that wait go on through those that are left.
 */
import { after, durationMs, type Machine, type MonoMs, monoMs, type Random } from '@holdfast/kernel';
import { createStage, type Item, type Memory, type Passed, type Stage } from './stage.ts';
import type { Stream, Toxic } from './toxic.ts';

export type PipeInput =
  | { readonly kind: 'received'; readonly bytes: Uint8Array }
  /** The sender has ended its side in order. */
  | { readonly kind: 'ended' }
  /** The sender's socket broke. */
  | { readonly kind: 'broke' }
  /** The toxics of the proxy, both streams; those of the other one are passed over. */
  | { readonly kind: 'toxicsChanged'; readonly toxics: readonly Toxic[] };

export type PipeEffect = { readonly kind: 'write'; readonly bytes: Uint8Array } | { readonly kind: 'end' | 'close' | 'reset' | 'cut' };

/** One toxic on this pipe. */
export interface Met {
  readonly name: string;
  /** Whether its toxicity lets it act on this connection. */
  readonly acts: boolean;
}

export interface PipeSnapshot {
  readonly over: boolean;
  readonly heldBytes: number;
  readonly met: readonly Met[];
}

export interface Pipe extends Machine<PipeInput, PipeEffect, PipeSnapshot> {
  /** Bytes that wait inside. O(1). */
  heldBytes(): number;
}

export interface PipeOptions {
  readonly stream: Stream;
  readonly toxics: readonly Toxic[];
  /** Forked by the name of each toxic. */
  readonly random: Random;
}

interface Slot {
  readonly toxic: Toxic;
  readonly acts: boolean;
  readonly stage: Stage;
  readonly memory: Memory;
  readonly since: MonoMs;
  /** Undefined once it has rung. */
  alarmAt: MonoMs | undefined;
  readonly queue: Waiting[];
  lastAt: MonoMs;
}

interface Waiting {
  readonly at: MonoMs;
  readonly item: Item;
}

/** Creates a pipe that was opened at `now`. */
export function createPipe({ stream, toxics, random }: PipeOptions, now: MonoMs): Pipe {
  let slots: Slot[] = mine(toxics).map((toxic) => createSlot(toxic, now));
  let held = 0;
  let over = false;

  function mine(all: readonly Toxic[]): readonly Toxic[] {
    return all.filter((toxic) => toxic.stream === stream);
  }

  function createSlot(toxic: Toxic, at: MonoMs, memory: Memory = { passed: 0, swallowed: 0 }): Slot {
    const chance = random.fork(toxic.name);
    const acts = chance.fork('acts').chance(toxic.toxicity);
    const stage = acts ? createStage(toxic, chance.fork(String(memory.passed)), memory) : UNTOUCHED;
    const alarmAt = stage.alarm && after(at, durationMs(stage.alarm.afterMs));
    return { toxic, acts, stage, memory, since: at, alarmAt, queue: [], lastAt: at };
  }

  /** Gives `item` to the slots from `index` on; what passes all of them goes out. */
  function pass(index: number, item: Item, at: MonoMs, clock: MonoMs, effects: PipeEffect[]): void {
    if (over) return;
    const slot = slots[index];
    if (!slot) return leave(item, effects);
    for (const passed of slot.stage.take(item, at - slot.since)) {
      const due = dueAt(passed, slot, at);
      slot.lastAt = due;
      if (slot.queue.length === 0 && due <= clock) pass(index + 1, passed.item, due, clock, effects);
      else {
        slot.queue.push({ at: due, item: passed.item });
        held += sizeOf(passed.item);
      }
    }
  }

  function leave(item: Item, effects: PipeEffect[]): void {
    effects.push(item.kind === 'bytes' ? { kind: 'write', bytes: item.bytes } : { kind: item.kind });
    if (item.kind === 'bytes' || item.kind === 'end') return;
    over = true;
    for (const { queue } of slots) queue.length = 0;
    slots = [];
    held = 0;
  }

  function ring(index: number, now: MonoMs, effects: PipeEffect[]): void {
    const slot = slots[index]!;
    const { alarm } = slot.stage;
    if (!alarm || slot.alarmAt === undefined || slot.alarmAt > now) return;
    const at = slot.alarmAt;
    slot.alarmAt = undefined;
    // A close lets go what is on its way; a reset and a cut do not ask.
    if (alarm.item.kind === 'close') pass(index + 1, alarm.item, at, now, effects);
    else leave(alarm.item, effects);
  }

  function runDue(now: MonoMs, effects: PipeEffect[]): void {
    for (let index = 0; index < slots.length; index += 1) {
      ring(index, now, effects);
      const slot = slots[index];
      if (!slot) return;
      let count = 0;
      for (; count < slot.queue.length && slot.queue[count]!.at <= now; count += 1) {
        const { at, item } = slot.queue[count]!;
        held -= sizeOf(item);
        pass(index + 1, item, at, now, effects);
      }
      slot.queue.splice(0, count);
    }
  }

  function change(toxics: readonly Toxic[], now: MonoMs, effects: PipeEffect[]): void {
    const wanted = mine(toxics);
    const old = slots;
    const kept = new Map(old.map((slot) => [slot.toxic.name, slot]));
    slots = wanted.map((toxic) => {
      const before = kept.get(toxic.name);
      if (before?.toxic === toxic) return before;
      if (!before) return createSlot(toxic, now);
      return { ...createSlot(toxic, now, before.memory), queue: before.queue, lastAt: before.lastAt };
    });
    // From the last to the first, so that what waits at a later toxic leaves before what waits at an earlier one.
    for (const [index, slot] of [...old.entries()].toReversed()) {
      if (wanted.some(({ name }) => name === slot.toxic.name)) continue;
      const following = old.slice(index + 1).find(({ toxic }) => slots.some((other) => other.toxic.name === toxic.name));
      const place = following ? slots.findIndex(({ toxic }) => toxic.name === following.toxic.name) : slots.length;
      for (const { item } of slot.queue) {
        if (over) return;
        held -= sizeOf(item);
        pass(place, item, now, now, effects);
      }
      const farewell = slot.acts ? slot.stage.removed?.() : undefined;
      if (farewell && !over) leave(farewell, effects);
    }
  }

  return {
    handle(input, now) {
      const effects: PipeEffect[] = [];
      if (over) return effects;
      runDue(now, effects);
      if (over) return effects;
      if (input.kind === 'toxicsChanged') change(input.toxics, now, effects);
      else pass(0, itemOf(input), now, now, effects);
      return effects;
    },
    tick(now) {
      const effects: PipeEffect[] = [];
      if (!over) runDue(now, effects);
      return effects;
    },
    deadline() {
      let next: number = Infinity;
      for (const { alarmAt, queue } of slots) next = Math.min(next, alarmAt ?? Infinity, queue[0]?.at ?? Infinity);
      return next === Infinity ? undefined : monoMs(next);
    },
    snapshot: () => ({ over, heldBytes: held, met: slots.map(({ toxic, acts }) => ({ name: toxic.name, acts })) }),
    heldBytes: () => held,
  };
}

const itemOf = (input: Exclude<PipeInput, { readonly kind: 'toxicsChanged' }>): Item => {
  if (input.kind === 'received') return { kind: 'bytes', bytes: input.bytes };
  return { kind: input.kind === 'ended' ? 'end' : 'reset' };
};

function dueAt({ delayMs = 0, gapMs = 0 }: Passed, slot: Slot, at: MonoMs): MonoMs {
  return monoMs(Math.max(at + delayMs, Math.max(at, slot.lastAt) + gapMs));
}

const sizeOf = (item: Item): number => (item.kind === 'bytes' ? item.bytes.length : 0);

const UNTOUCHED: Stage = { take: (item) => [{ item }] };
