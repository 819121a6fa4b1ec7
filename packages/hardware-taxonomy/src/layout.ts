/**
 * A machine as arrays, so that a compiled requirement reads a fact by its index.
 *
 * L1 The facts of one kind have fixed slots; `accelerator`, `gpu` and `npu` share theirs, and a GPU is an accelerator as well.
 * L2 No device: `null` where it was asked for (known to be none), an empty array where it was not (everything unknown).
 */
import { DEVICE_KINDS, type DeviceKind, type FactSchema, MACHINE_SCHEMA } from './fact-schema.ts';
import type { Device, Fact, FactValue, MachineFacts } from './machine.ts';

/** Values by slot; from `ORIGINS` on, by the same slots, whether a value was detected. */
export type Values = readonly (FactValue | undefined)[];
/** One device of each kind, by index of `DEVICE_KINDS`; 0 is the machine. */
export type Binding = readonly (Values | null)[];

export interface LaidDevice {
  readonly id: string;
  readonly values: Values;
}
export interface LaidMachine {
  readonly machine: MachineFacts;
  readonly base: Values;
  /** By index of `DEVICE_KINDS`, sorted by id. */
  readonly devices: readonly (readonly LaidDevice[])[];
  /** What stands for a kind without devices (L2), by index of `DEVICE_KINDS`. */
  readonly none: Binding;
  readonly labels: ReadonlyMap<string, Fact>;
}

/** Where a fact stands: kind by index of `DEVICE_KINDS`, and slot. Labels have none. */
export interface Place {
  readonly kind: number;
  readonly slot: number;
}

export const ORIGINS = 64;
export const kindIndex = (kind: DeviceKind): number => DEVICE_KINDS.indexOf(kind);

/** The slot of each fact of a schema, computed once a schema. */
export function placesOf(schema: FactSchema): ReadonlyMap<string, Place> {
  const known = PLACES.get(schema);
  if (known) return known;
  const next = DEVICE_KINDS.map(() => 0);
  const places = new Map<string, Place>();
  for (const { path, of } of schema.facts.values()) {
    const kind = kindIndex(of);
    places.set(path, { kind, slot: next[kind]! });
    next[kind]! += 1;
  }
  PLACES.set(schema, places);
  return places;
}

/** Lays a machine out. Do it once for each state of its facts. */
export function layOut(machine: MachineFacts, schema: FactSchema = MACHINE_SCHEMA): LaidMachine {
  const places = placesOf(schema);
  const base = valuesOf(machine.facts, places);
  const laid = machine.devices.map((device) => ({ device, laid: { id: device.id, values: valuesOf(device.facts, places) } }));
  const devices = DEVICE_KINDS.map((kind) => laid.filter(({ device }) => isOf(device, kind)).map((entry) => entry.laid));
  const none = DEVICE_KINDS.map((kind, index) => (index === 0 ? base : isProbed(machine, kind) ? null : NOTHING_KNOWN));
  const labels = new Map([...machine.facts].filter(([path]) => path.startsWith('label.')));
  return { machine, base, devices, none, labels };
}

function valuesOf(facts: ReadonlyMap<string, Fact>, places: ReadonlyMap<string, Place>): Values {
  // Full from the start: arrays with holes are slow to read.
  const values = Array.from({ length: 2 * ORIGINS }, (): FactValue | undefined => undefined);
  for (const [path, fact] of facts) {
    const place = places.get(path);
    if (!place) continue;
    values[place.slot] = fact.value;
    values[place.slot + ORIGINS] = fact.origin === 'detected';
  }
  return values;
}

const ACCELERATORS: ReadonlySet<DeviceKind> = new Set(['accelerator', 'gpu', 'npu']);
const isOf = (device: Device, kind: DeviceKind): boolean =>
  device.kind === kind || (kind === 'accelerator' && ACCELERATORS.has(device.kind));
/** That there is no accelerator at all is known when each kind of it was looked for. */
const isProbed = ({ probed }: MachineFacts, kind: DeviceKind): boolean =>
  kind === 'accelerator' ? [...ACCELERATORS].every((one) => probed.has(one)) : probed.has(kind);
const NOTHING_KNOWN: Values = Array.from({ length: 2 * ORIGINS }, (): undefined => undefined);
const PLACES = new WeakMap<FactSchema, ReadonlyMap<string, Place>>();
