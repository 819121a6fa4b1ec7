/**
 * Which facts there are, of which type, and what they belong to. A requirement can only speak of these, so a typing error is an error
 * with its place and not a task that waits for ever.
 *
 * Facts of the machine stand alone; facts of a kind of device (`gpu`, `browser`, ...) belong to one device each, and a requirement that names
 * several of one kind means one and the same device.
 */
import type { Unit } from './quantity.ts';
import {
  ACCELERATOR_FEATURES,
  ARCHITECTURES,
  BACKENDS,
  BROWSERS,
  CONTAINERS,
  HARDWARE_CLASSES,
  MEMORY_TYPES,
  PLATFORMS,
  PRECISIONS,
  VENDORS,
} from './vocabulary.ts';

/** `version` compares dotted numbers part by part; `set` holds words. */
export type FactType =
  | { readonly type: 'number'; readonly unit: Unit }
  | { readonly type: 'text'; readonly words?: readonly string[] }
  | { readonly type: 'flag' }
  | { readonly type: 'version' }
  | { readonly type: 'set'; readonly words: readonly string[] };

/** `machine`, or a kind of device. */
export type DeviceKind = 'machine' | 'accelerator' | 'gpu' | 'npu' | 'browser';
export const DEVICE_KINDS: readonly DeviceKind[] = ['machine', 'accelerator', 'gpu', 'npu', 'browser'];

export type FactDefinition = FactType & {
  /** As requirements write it. */
  readonly path: string;
  readonly of: DeviceKind;
  readonly doc: string;
};

/** A closed set of facts, and whether free `label.NAME` facts of the machine (text) are allowed as well. */
export interface FactSchema {
  readonly facts: ReadonlyMap<string, FactDefinition>;
  readonly labels: boolean;
}

/** The definition of a path; labels are made on demand. */
export function factOf(schema: FactSchema, path: string): FactDefinition | undefined {
  const known = schema.facts.get(path);
  if (known) return known;
  if (schema.labels && LABEL.test(path)) return { path, of: 'machine', type: 'text', doc: 'A label that somebody gave.' };
  return undefined;
}

const LABEL = /^label\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$/;
const number = (unit: Unit): FactType => ({ type: 'number', unit });
const text = (words?: readonly string[]): FactType => (words ? { type: 'text', words } : { type: 'text' });
const set = (words: readonly string[]): FactType => ({ type: 'set', words });
const FLAG: FactType = { type: 'flag' };
const VERSION: FactType = { type: 'version' };

const MACHINE: readonly (readonly [string, FactType, string])[] = [
  ['os', text(PLATFORMS), 'Operating system, as Node names it.'],
  ['os.release', VERSION, 'Version of the kernel or system.'],
  ['arch', text(ARCHITECTURES), 'Architecture of the processor.'],
  ['container', text(CONTAINERS), 'What contains the worker, or `none`.'],
  ['virtual', FLAG, 'It runs in a virtual machine.'],
  ['memory', number('bytes'), 'Memory the worker may use: of the machine or of its cgroup, whichever is less.'],
  ['memory.bandwidth', number('bytesPerSecond'), 'Measured or documented.'],
  ['memory.type', text(MEMORY_TYPES), 'Kind of memory modules.'],
  ['disk', number('bytes'), 'Free space where the worker keeps its data.'],
  ['cpu.cores', number('count'), 'Physical cores the worker may use, rounded down to whole ones by its cgroup.'],
  ['cpu.threads', number('count'), 'Hardware threads the worker may use.'],
  ['cpu.clock', number('hertz'), 'Highest clock.'],
  ['cpu.vendor', text(VENDORS), 'Maker of the processor.'],
  ['cpu.model', text(), 'As the system names it.'],
  ['cpu.features', set(ACCELERATOR_FEATURES), 'Vector units and the like.'],
  ['gpu.count', number('count'), 'How many GPUs there are; 0 where it was asked and there is none.'],
  ['npu.count', number('count'), 'How many NPUs there are.'],
  ['browser.count', number('count'), 'How many browsers there are.'],
  ['node', VERSION, 'Version of Node that runs the worker.'],
  ['slots', number('count'), 'Tasks that it runs at a time.'],
];
const ACCELERATOR: readonly (readonly [string, FactType, string])[] = [
  ['class', text(HARDWARE_CLASSES), 'What it is built for.'],
  ['vendor', text(VENDORS), 'Its maker.'],
  ['model', text(), 'As its driver names it.'],
  ['architecture', text(ARCHITECTURES), 'How it is programmed.'],
  ['memory', number('bytes'), 'Memory of its own, or shared memory it may use.'],
  ['memory.free', number('bytes'), 'Free when it was asked.'],
  ['memory.type', text(MEMORY_TYPES), 'Kind of its memory.'],
  ['memory.bandwidth', number('bytesPerSecond'), 'Measured or documented.'],
  ['memory.unified', FLAG, 'It shares the memory of the processor.'],
  ['units', number('count'), 'Compute units: multiprocessors, cores, engines.'],
  ['clock', number('hertz'), 'Highest clock.'],
  ['power', number('milliwatts'), 'Power limit.'],
  ['capability', VERSION, 'Compute capability, such as 8.9.'],
  ['driver', VERSION, 'Version of its driver.'],
  ['firmware', VERSION, 'Version of its firmware.'],
  ['backends', set(BACKENDS), 'Software through which it can be used here.'],
  ['precisions', set(PRECISIONS), 'Number formats it computes natively.'],
  ['features', set(ACCELERATOR_FEATURES), 'What it has beside plain units.'],
  ['virtual', FLAG, 'A slice of a device, or passed through.'],
];
const BROWSER: readonly (readonly [string, FactType, string])[] = [
  ['browser.name', text(BROWSERS), 'Which browser.'],
  ['browser.version', VERSION, 'Its version, asked of the program itself.'],
  ['browser.headless', FLAG, 'It can run without a screen.'],
  ['webgpu', FLAG, 'It hands out a WebGPU adapter.'],
  ['webgpu.vendor', text(), 'As `GPUAdapterInfo` says.'],
  ['webgpu.architecture', text(), 'As `GPUAdapterInfo` says.'],
  ['webgpu.fallback', FLAG, 'Its WebGPU adapter is software.'],
  ['webnn', FLAG, 'It creates a WebNN context.'],
  ['webnn.accelerated', FLAG, 'That context is accelerated.'],
];

const define = (of: DeviceKind, prefix: string, rows: readonly (readonly [string, FactType, string])[]): FactDefinition[] =>
  rows.map(([name, type, doc]) => ({ ...type, path: `${prefix}${name}`, of, doc }));

const index = (rows: readonly FactDefinition[]): ReadonlyMap<string, FactDefinition> => new Map(rows.map((row) => [row.path, row]));

/** What can be said of a machine. `accelerator.*` speaks of any device, `gpu.*` and `npu.*` of one of that class. */
export const MACHINE_SCHEMA: FactSchema = {
  facts: index([
    ...define('machine', '', MACHINE),
    ...define('accelerator', 'accelerator.', ACCELERATOR),
    ...define('gpu', 'gpu.', ACCELERATOR),
    ...define('npu', 'npu.', ACCELERATOR),
    ...define('browser', '', BROWSER),
  ]),
  labels: true,
};

/** What a worker can say of the tasks that it takes (the other side of a match). */
export const TASK_SCHEMA: FactSchema = {
  facts: index(
    define('machine', 'task.', [
      ['kind', text(), 'command, module, test or stream.'],
      ['runner', text(), 'Which test runner.'],
      ['priority', number('count'), '0 (first) to 9.'],
      ['principal', text(), 'Who submitted it.'],
      ['predicted', number('milliseconds'), 'How long it is expected to take.'],
    ]),
  ),
  labels: true,
};
