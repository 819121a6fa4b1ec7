import { expect, test } from 'vitest';
import {
  compatibilityScore,
  compileRequirement,
  createCapabilityRegistry,
  createResourceLedger,
  describeMachine,
  fittingDevices,
  parseRequirement,
  type ProcessorProfile,
  type Requirement,
  specialisationOf,
} from '../src/index.ts';
import { GIB, laid, TWO_GPUS } from './machines.ts';

test('F2 machine: declared and detected differ -> the detected one counts, and simulated ones only where allowed', () => {
  const given = { detected: { memory: 8 * GIB }, declared: { memory: 64 * GIB, slots: 4 }, simulated: { 'cpu.cores': 128 } };
  const { machine } = describeMachine(given);
  expect(machine.facts.get('memory')).toEqual({ value: 8 * GIB, origin: 'detected' });
  expect(machine.facts.get('slots')).toEqual({ value: 4, origin: 'declared' });
  expect(machine.facts.has('cpu.cores')).toBe(false);
  expect(describeMachine(given, { simulated: true }).machine.facts.get('cpu.cores')).toEqual({ value: 128, origin: 'simulated' });
});

test('F3 machine: impossible facts -> unknown or clamped, each with a note', () => {
  const detected = {
    memory: Number.NaN,
    'cpu.cores': -3,
    'cpu.threads': Infinity,
    os: 'beos',
    'cpu.features': 'avx',
    'gpu.vendor': 'nvidia',
  };
  const { machine, notes } = describeMachine({
    detected: { ...detected, cores: 4, slots: 2.9 },
    devices: [
      {
        kind: 'gpu',
        id: 'a',
        origin: 'detected',
        facts: { 'gpu.memory': '8GiB', 'gpu.memory.free': '9GiB', 'gpu.backends': ['cuda', 'novel'] },
      },
      { kind: 'gpu', id: 'a', origin: 'detected', facts: {} },
    ],
  });
  expect([...machine.facts.keys()].sort()).toEqual(['gpu.count', 'slots']);
  expect(machine.facts.get('slots')!.value).toBe(2);
  expect(machine.devices).toHaveLength(1);
  expect(machine.devices[0]!.facts.get('gpu.memory.free')!.value).toBe(8 * GIB);
  expect(machine.devices[0]!.facts.get('gpu.backends')!.value).toEqual(new Set(['cuda']));
  expect(notes.map((note) => note.fact)).toEqual([
    'cores',
    'cpu.cores',
    'cpu.features',
    'cpu.threads',
    'gpu.vendor',
    'memory',
    'os',
    'gpu.memory.free',
    'gpu a',
  ]);
  expect(notes.find((note) => note.fact === 'gpu.vendor')!.message).toBe('belongs to a gpu, not to a machine; passed over');
});

test('E1 resources: demands of several leases -> met whole or not at all, each device held once', () => {
  const ledger = createResourceLedger({ gpu: { kind: 'units', ids: ['b', 'a'] }, memory: { kind: 'amount', capacity: 10 } });
  const take = (lease: string, use: Readonly<Record<string, number>>, fitting?: Readonly<Record<string, readonly string[]>>): unknown =>
    ledger.take(
      lease,
      Object.entries(use).map(([resource, amount]) => ({ resource, amount })),
      fitting,
    );
  expect(take('one', { memory: 6, gpu: 1 })).toEqual({ kind: 'taken', holding: { amounts: { memory: 6 }, units: { gpu: ['a'] } } });
  expect(take('two', { gpu: 1, memory: 5 })).toEqual({ kind: 'short', resource: 'memory', wanted: 5, free: 4 });
  expect(ledger.free('gpu')).toBe(1);
  expect(take('two', { gpu: 3 })).toEqual({ kind: 'never', resource: 'gpu', wanted: 3, free: 1 });
  expect(take('two', { gpu: 1 }, { gpu: ['a'] })).toEqual({ kind: 'short', resource: 'gpu', wanted: 1, free: 0 });
  expect(take('two', { fpga: 1 })).toEqual({ kind: 'never', resource: 'fpga', wanted: 1, free: 0 });
  ledger.replace({ gpu: { kind: 'units', ids: ['b'] }, memory: { kind: 'amount', capacity: 4 } });
  expect([ledger.free('memory'), ledger.free('gpu')]).toEqual([0, 1]);
  ledger.release('one');
  ledger.release('one');
  expect([ledger.free('memory'), ledger.free('gpu'), ledger.leases]).toEqual([4, 1, 0]);
});

test('resources: capacities that are no number -> count as nothing', () => {
  const ledger = createResourceLedger({ a: { kind: 'amount', capacity: Number.NaN }, b: { kind: 'amount', capacity: -5 } });
  expect([ledger.capacity('a'), ledger.free('b')]).toEqual([0, 0]);
});

test('resources: a requirement on a device -> only devices that satisfy it may be leased', () => {
  const alternative = (text: string): Parameters<typeof fittingDevices>[0] =>
    compileRequirement((parseRequirement(text) as { value: Requirement }).value).alternatives[0]!;
  expect(fittingDevices(alternative('gpu.memory >= 16GiB use gpu 1'), laid(TWO_GPUS), 'gpu')).toEqual(['b']);
  expect(fittingDevices(alternative('memory >= 1GiB use gpu 1'), laid(TWO_GPUS), 'gpu')).toEqual(['a', 'b']);
});

test('G1 registry: a model of a vendor -> inherits, the nearest statement counts, cycles and narrower parents are refused', () => {
  const registry = createCapabilityRegistry();
  registry.register({ id: 'gpu.nvidia', scope: 'vendor', parent: 'gpu', provides: { training: 4, video: 3 }, requires: ['cuda'] });
  registry.register({ id: 'gpu.nvidia.t4', scope: 'model', parent: 'gpu.nvidia', provides: { training: 2 }, incompatible: ['video'] });
  expect(registry.resolve('gpu.nvidia.t4')).toEqual({
    id: 'gpu.nvidia.t4',
    line: ['gpu.nvidia.t4', 'gpu.nvidia', 'gpu'],
    provides: { training: { rating: 2, from: 'gpu.nvidia.t4' }, video: { rating: 3, from: 'gpu.nvidia' } },
    missing: ['cuda'],
    conflicts: ['video'],
  });
  expect(registry.register({ id: 'gpu', scope: 'class', parent: 'gpu.nvidia.t4', provides: {} })).toMatchObject({ ok: false });
  expect(registry.register({ id: 'gpu.nvidia', scope: 'vendor', parent: 'gpu.nvidia', provides: {} })).toEqual({
    ok: false,
    problem: { message: 'gpu.nvidia would be its own ancestor: gpu.nvidia < gpu.nvidia' },
  });
  expect(registry.register({ id: 'x', scope: 'model', parent: 'nobody', provides: {} })).toMatchObject({ ok: false });
  expect(registry.register({ id: 'x', scope: 'model', provides: { a: 7 as never } })).toMatchObject({ ok: false });
  expect(registry.resolve('nobody')).toBeUndefined();
});

test('G2 registry: what a measurement is worth elsewhere -> the best product along the way, also in a cycle', () => {
  const registry = createCapabilityRegistry();
  const relate = (source: string, target: string, transfer: number): unknown =>
    registry.relate({ source, target, kind: 'compatible_with', score: 500, transfer });
  relate('gpu', 'npu', 900);
  relate('npu', 'gpu', 900);
  expect(registry.transferScore('cpu', 'npu')).toBe(630);
  expect(registry.transferScore('cpu', 'cpu')).toBe(1000);
  expect(registry.transferScore('tpu', 'cpu')).toBe(0);
  expect(relate('cpu', 'nobody', 1)).toMatchObject({ ok: false });
  expect(relate('cpu', 'gpu', Number.NaN)).toMatchObject({ ok: false });
  expect(registry.relationshipsOf('npu').map((one) => one.source)).toEqual(['cpu', 'gpu', 'npu']);
});

const processor = (over: Partial<ProcessorProfile>): ProcessorProfile => ({
  class: 'cpu',
  backends: [],
  precisions: [],
  features: [],
  units: 0,
  ...over,
});

test('X1 compatibility: class, backends and precisions -> weighted, symmetric', () => {
  const a = processor({ class: 'gpu', backends: ['cuda', 'onnx'], precisions: ['fp32', 'fp16'] });
  const b = processor({ class: 'cpu', backends: ['onnx'], precisions: ['fp32'] });
  expect(compatibilityScore(a, b)).toBe(300 + 150 + 100);
  expect(compatibilityScore(b, a)).toBe(compatibilityScore(a, b));
  expect(compatibilityScore(processor({ class: 'fpga' }), processor({}))).toBe(0);
});

test('X2 specialisation: what suits a workload -> its score, batch and reason', () => {
  const nlp = { score: 900, batch: 16, reasons: ['a GPU with 30 or more compute units'] };
  expect(specialisationOf(processor({ class: 'gpu', units: 46 }), 'nlp')).toEqual(nlp);
  expect(specialisationOf(processor({ class: 'npu' }), 'vision')).toMatchObject({ score: 700, batch: 32 });
  expect(specialisationOf(processor({ features: ['avx2'] }), 'audio')).toMatchObject({ score: 850, batch: 8 });
  expect(specialisationOf(processor({}), 'nlp')).toEqual({ score: 500, batch: 1, reasons: [] });
});
