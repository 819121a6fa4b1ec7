import { expect, test } from 'vitest';
import {
  canonicalText,
  checkRequirement,
  compileRequirement,
  fit,
  type GivenMachine,
  MACHINE_SCHEMA,
  matches,
  parseRequirement,
  problemText,
  type Requirement,
  TASK_SCHEMA,
  truthText,
} from '../src/index.ts';
import { GIB, gpu, laid, PLAIN, TWO_GPUS, UNASKED } from './machines.ts';

const read = (text: string, schema = MACHINE_SCHEMA): Requirement => {
  const parsed = parseRequirement(text, schema);
  if (!parsed.ok) throw new Error(problemText(text, parsed.problem));
  return parsed.value;
};
const asked = (text: string, machine: GivenMachine): string => truthText(matches(compileRequirement(read(text)), laid(machine)));
const key = (text: string): string => compileRequirement(read(text)).key;

test.each([
  ['', PLAIN, 'true'],
  ['memory >= 16GiB', PLAIN, 'true'],
  ['memory > 16GiB', PLAIN, 'false'],
  ['memory >= 16 GiB and cpu.cores in (4, 8)', PLAIN, 'true'],
  ['os = Linux', PLAIN, 'true'],
  ['cpu.features has AVX2 && !(cpu.features has avx512)', PLAIN, 'true'],
  ['label.rack == "b2"', PLAIN, 'true'],
  ['label.row == "1"', PLAIN, 'unknown'],
  ['cpu.clock >= 3GHz', PLAIN, 'unknown'],
  ['cpu.clock >= 3GHz || memory >= 1GiB', PLAIN, 'true'],
  ['cpu.clock >= 3GHz && memory >= 1TiB', PLAIN, 'false'],
  ['!(cpu.clock >= 3GHz)', PLAIN, 'unknown'],
  ['known(memory) && !known(cpu.clock)', PLAIN, 'true'],
  ['detected(memory) && !detected(label.rack)', PLAIN, 'true'],
  ['gpu.vendor == nvidia', PLAIN, 'false'],
  ['gpu.vendor != nvidia', PLAIN, 'false'],
  ['!(gpu.vendor == nvidia)', PLAIN, 'true'],
  ['gpu.count == 0', PLAIN, 'true'],
  ['gpu.vendor == nvidia', UNASKED, 'unknown'],
  ['gpu.vendor == nvidia && gpu.memory >= 8GiB', TWO_GPUS, 'true'],
  ['gpu.vendor == nvidia && gpu.memory >= 16GiB', TWO_GPUS, 'false'],
  ['gpu.vendor == amd && gpu.memory >= 16GiB', TWO_GPUS, 'true'],
  ['accelerator.memory >= 16GiB', TWO_GPUS, 'true'],
  ['gpu.driver >= 550.9', TWO_GPUS, 'true'],
  ['gpu.driver >= 551', TWO_GPUS, 'false'],
  ['gpu.memory >= 100GiB else memory >= 16GiB', TWO_GPUS, 'true'],
] as const)('requirement: %s', (text, machine, expected) => {
  expect(asked(text, machine)).toBe(expected);
});

test.each([
  ['gpu.vendr == nvidia', 0, 'there is no fact gpu.vendr; did you mean gpu.vendor?'],
  ['memory >= 16 watts', 10, 'memory wants a number in B, KB, KiB'],
  ['memory >= 16Gb', 10, 'memory wants a number in'],
  ['memory >= -1', 10, 'memory is never negative'],
  ['gpu.vendor == nvidea', 14, 'did you mean nvidia?'],
  ['gpu.vendor >= nvidia', 11, 'has no order'],
  ['cpu.features == avx', 13, 'is a set; write cpu.features has WORD'],
  ['memory', 6, 'expected a comparison after memory'],
  ['memory >= 1GiB memory >= 2GiB', 15, 'expected &&, ||, prefer, use, else or the end'],
  ['(memory >= 1GiB', 15, 'expected ), found the end'],
  ['memory >= "16GiB', 10, 'a text is not closed'],
  ['memory >= 1GiB # more', 15, 'unexpected "#"'],
  ['cpu.cores >= NaN', 13, 'cpu.cores wants a whole number without unit'],
  ['prefer memory >= 1GiB weight 0', 29, 'a weight is a whole number from 1 to 1000'],
  ['use gpu 1, gpu 2', 11, 'gpu is asked for twice'],
  [`${'('.repeat(40)}memory >= 1GiB`, 32, 'nested deeper than 32 levels'],
] as const)('requirement error: %s -> its place', (text, at, message) => {
  const parsed = parseRequirement(text);
  expect(parsed.ok).toBe(false);
  if (parsed.ok) return;
  expect(parsed.problem.message).toContain(message);
  expect(parsed.problem.at).toBe(at);
  expect(problemText(text, parsed.problem)).toContain('^');
});

test('R2 requirement: order, grouping, repetition, units and case differ -> one class', () => {
  const one = key('gpu.vendor == "nvidia" && memory >= 16GiB && os in (linux, darwin) prefer cpu.cores >= 8 use memory 1GiB, gpu 1');
  const other = key(
    '(os in ("darwin", LINUX) && (memory >= 16384MiB && gpu.vendor = NVIDIA)) && memory >= 16GiB prefer cpu.cores >= 8 weight 1 use gpu 1, memory 1024MiB',
  );
  expect(other).toBe(one);
  expect(key('memory >= 16GB')).not.toBe(key('memory >= 16GiB'));
  expect(canonicalText(read(one), MACHINE_SCHEMA)).toBe(one);
});

test('requirement: plain data -> the same as its text, problems with their path', () => {
  const structured = {
    alternatives: [
      {
        hard: {
          kind: 'all',
          of: [
            { kind: 'compare', fact: 'gpu.memory', comparator: '>=', value: '16GiB' },
            { kind: 'in', fact: 'browser.name', values: ['chrome', 'firefox'] },
          ],
        },
        soft: [{ expression: { kind: 'compare', fact: 'webgpu', comparator: '==', value: true } }],
        use: [{ resource: 'gpu', amount: 1 }],
      },
    ],
  };
  const text = 'gpu.memory >= 16GiB && browser.name in (chrome, firefox) prefer webgpu use gpu 1';
  expect(checkRequirement(structured)).toEqual({ ok: true, value: read(text) });
  const pathOf = (given: unknown): unknown => {
    const checked = checkRequirement(given);
    return checked.ok ? undefined : checked.problem.path;
  };
  const compare = { kind: 'compare', fact: 'memory', comparator: '>=', value: -1 };
  expect(pathOf({ alternatives: [] })).toBe('alternatives');
  expect(pathOf({ alternatives: [{ hard: { kind: 'all', of: [compare] } }] })).toBe('alternatives[0].hard.of[0].value');
  expect(pathOf({ alternatives: [{ hard: { kind: 'eval' } }] })).toBe('alternatives[0].hard.kind');
  expect(pathOf({ alternatives: [{ use: [{ resource: 'gpu', amount: Number.NaN }] }] })).toBe('alternatives[0].use[0].amount');
});

test('requirement: the other side -> a worker says which tasks it takes', () => {
  const accepts = compileRequirement(read('task.runner == vitest && task.priority <= 5', TASK_SCHEMA), TASK_SCHEMA);
  expect(accepts.key).toBe('task.priority <= 5 && task.runner == "vitest"');
});

test('fit: a machine that has it -> the alternative, the devices and how many wishes came true', () => {
  const compiled = compileRequirement(read('gpu.memory >= 16GiB prefer gpu.vendor == nvidia prefer cpu.cores >= 8 weight 3'));
  expect(fit(compiled, laid(TWO_GPUS))).toEqual({ kind: 'fits', alternative: 0, score: 1000, devices: { gpu: 'b' } });
  expect(fit(compiled, laid({ ...PLAIN, devices: [gpu('b', 'amd', 24)] }))).toMatchObject({ score: 750 });
});

test('fit: a machine that has it not -> which part fails and by how much, on its nearest device', () => {
  const compiled = compileRequirement(read('gpu.vendor == nvidia && gpu.memory >= 16GiB'));
  const near = fit(compiled, laid({ ...PLAIN, devices: [gpu('a', 'nvidia', 8), gpu('b', 'amd', 4)] }));
  expect(near).toMatchObject({ kind: 'unfit', alternative: 0 });
  if (near.kind === 'fits') return;
  expect(near.parts.map((part) => part.words)).toEqual([
    'gpu.memory is 8GiB, 8GiB short of 16GiB',
    'gpu.vendor is nvidia, wanted is == "nvidia"',
  ]);
  expect(near.parts[0]).toMatchObject({ outcome: 'false', short: 8 * GIB });
  const none = fit(compiled, laid(PLAIN));
  expect(none.kind === 'unfit' && none.parts[0]!.words).toBe('gpu.memory is missing: there is no gpu, wanted is >= 16GiB');
  const unknown = fit(compiled, laid(UNASKED));
  expect(unknown.kind === 'unknown' && unknown.parts[0]!.words).toBe('gpu.memory is not known, wanted is >= 16GiB');
});

test('D34 requirement: a machine that lacks one hard part but has all wishes -> never fits', () => {
  const compiled = compileRequirement(read('gpu.vendor == nvidia && memory >= 999GB prefer cpu.cores >= 1 weight 1000'));
  expect(fit(compiled, laid(TWO_GPUS)).kind).toBe('unfit');
  expect(fit(compileRequirement(read('gpu.vendor == nvidia')), laid(PLAIN)).kind).toBe('unfit');
});
