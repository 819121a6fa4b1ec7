/**
 * What is known of one machine: facts by where they come from, and its devices.
 *
 * F1 A fact that was not asked for is absent (unknown). A kind that was asked for and not found is `probed` without devices (known to be none).
 * F2 Detected, declared and simulated facts stay apart: a detected one wins over a declared one; a simulated one counts only where it is allowed.
 * F3 Nothing impossible gets in: NaN, negative, mistyped and contradictory facts are dropped or clamped, each with a note.
 */
import { checkLiteral, nearest } from './check-expression.ts';
import { type DeviceKind, type FactDefinition, factOf, type FactSchema, MACHINE_SCHEMA } from './fact-schema.ts';
import type { Literal } from './requirement.ts';

export type Origin = 'detected' | 'declared' | 'simulated';
/** What a probe or a person says: sets as arrays, quantities with or without units. */
export type GivenFacts = Readonly<Record<string, unknown>>;
export type FactValue = Literal | ReadonlySet<string>;

/** A device as it is reported. */
export interface GivenDevice {
  /** `gpu`, `npu`, `browser`, or `accelerator` for any other. */
  readonly kind: DeviceKind;
  /** The same device keeps its id over probes: a UUID, a bus address, an executable's path. */
  readonly id: string;
  readonly facts: GivenFacts;
  readonly origin: Origin;
}

/** A machine as it is reported: plain data, from the wire or a file. */
export interface GivenMachine {
  readonly detected?: GivenFacts;
  readonly declared?: GivenFacts;
  readonly simulated?: GivenFacts;
  readonly devices?: readonly GivenDevice[];
  /** Kinds that were looked for, found or not. */
  readonly probed?: readonly DeviceKind[];
}

export interface Fact {
  readonly value: FactValue;
  readonly origin: Origin;
}
export interface Device {
  readonly kind: DeviceKind;
  readonly id: string;
  readonly origin: Origin;
  readonly facts: ReadonlyMap<string, Fact>;
}
/** A machine after checking. `devices` are sorted by kind and id. */
export interface MachineFacts {
  readonly facts: ReadonlyMap<string, Fact>;
  readonly devices: readonly Device[];
  readonly probed: ReadonlySet<DeviceKind>;
}

/** Something that was not taken as it was given. */
export interface FactNote {
  readonly fact: string;
  /** Fragment: what was wrong and what became of it. */
  readonly message: string;
}

/** Checks what was reported (F3). Simulated facts and devices count only with `simulated: true` (default false). */
export function describeMachine(
  given: GivenMachine,
  options: { readonly simulated?: boolean; readonly schema?: FactSchema } = {},
): { readonly machine: MachineFacts; readonly notes: readonly FactNote[] } {
  const schema = options.schema ?? MACHINE_SCHEMA;
  const notes: FactNote[] = [];
  const facts = new Map<string, Fact>();
  // Later ones win (F2).
  const layers: readonly (readonly [Origin, GivenFacts | undefined])[] = [
    ['simulated', options.simulated === true ? given.simulated : undefined],
    ['declared', given.declared],
    ['detected', given.detected],
  ];
  for (const [origin, layer] of layers) take(facts, layer ?? {}, origin, 'machine', schema, notes);
  const devices: Device[] = [];
  const seen = new Set<string>();
  for (const device of given.devices ?? []) {
    if (device.origin === 'simulated' && options.simulated !== true) continue;
    const name = `${device.kind} ${device.id}`;
    if (seen.has(name)) {
      notes.push({ fact: name, message: 'reported twice; the first one counts' });
      continue;
    }
    seen.add(name);
    devices.push(describeDevice(device, schema, notes));
  }
  devices.sort((a, b) => compareText(a.kind, b.kind) || compareText(a.id, b.id));
  const probed = new Set(given.probed ?? []);
  count(facts, devices, probed);
  return { machine: { facts, devices, probed }, notes };
}

function describeDevice(device: GivenDevice, schema: FactSchema, notes: FactNote[]): Device {
  const facts = new Map<string, Fact>();
  take(facts, device.facts, device.origin, device.kind, schema, notes);
  clamp(facts, `${device.kind}.memory.free`, `${device.kind}.memory`, notes);
  return { kind: device.kind, id: device.id, origin: device.origin, facts };
}

function take(into: Map<string, Fact>, given: GivenFacts, origin: Origin, of: DeviceKind, schema: FactSchema, notes: FactNote[]): void {
  for (const path of Object.keys(given).sort()) {
    const raw = given[path];
    if (raw === undefined || raw === null) continue;
    const definition = factOf(schema, path);
    if (!definition || definition.of !== of) {
      const near = definition ? undefined : nearest(path, [...schema.facts.keys()]);
      const why = definition ? `belongs to a ${definition.of}, not to a ${of}` : 'is no fact';
      notes.push({ fact: path, message: `${why}; passed over${near === undefined ? '' : `, did you mean ${near}?`}` });
      continue;
    }
    const value = valueOf(definition, raw);
    if (value === undefined)
      notes.push({ fact: path, message: `${String(JSON.stringify(raw) ?? String(raw)).slice(0, 60)} cannot be; taken as unknown` });
    else into.set(path, { value, origin });
  }
}

function valueOf(definition: FactDefinition, raw: unknown): FactValue | undefined {
  if (definition.type === 'set') {
    if (!Array.isArray(raw)) return undefined;
    // A tool knows more words than the schema: those are kept out, the set stays.
    return new Set(
      raw
        .filter((word): word is string => typeof word === 'string')
        .map((word) => word.toLowerCase())
        .filter((word) => definition.words.includes(word)),
    );
  }
  const rounded = definition.type === 'number' && typeof raw === 'number' ? Math.floor(raw) : raw;
  const checked = checkLiteral(definition, rounded);
  return checked.ok ? checked.value : undefined;
}

/** What is free can be no more than what there is. */
function clamp(facts: Map<string, Fact>, part: string, whole: string, notes: FactNote[]): void {
  const [less, more] = [facts.get(part), facts.get(whole)];
  if (!less || !more || (less.value as number) <= (more.value as number)) return;
  notes.push({ fact: part, message: `${String(less.value)} is more than ${whole}; taken as ${String(more.value)}` });
  facts.set(part, { ...less, value: more.value });
}

/** Counts of kinds that were asked for are facts of the machine. */
function count(facts: Map<string, Fact>, devices: readonly Device[], probed: ReadonlySet<DeviceKind>): void {
  for (const kind of ['gpu', 'npu', 'browser'] as const) {
    const found = devices.filter((device) => device.kind === kind);
    if (found.length === 0 && !probed.has(kind)) continue;
    const origin = found.every((device) => device.origin === 'detected') ? 'detected' : 'declared';
    facts.set(`${kind}.count`, { value: found.length, origin });
  }
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
