import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  canonicalText,
  compileRequirement,
  describeMachine,
  type Expression,
  type GivenMachine,
  layOut,
  MACHINE_SCHEMA,
  matches,
  normalise,
  parseRequirement,
  truthText,
} from '../src/index.ts';

const GIB = 2 ** 30;
const compare = (fact: string, comparator: '>=' | '<' | '==', value: number | string): Expression => ({
  kind: 'compare',
  fact,
  comparator,
  value,
});
const leaf: fc.Arbitrary<Expression> = fc.oneof(
  fc.integer({ min: 0, max: 3 }).map((gib) => compare('memory', '>=', gib * GIB)),
  fc.integer({ min: 0, max: 3 }).map((cores) => compare('cpu.cores', '<', cores)),
  fc.constantFrom('nvidia', 'amd').map((vendor) => compare('gpu.vendor', '==', vendor)),
  fc.integer({ min: 0, max: 3 }).map((gib) => compare('gpu.memory', '>=', gib * GIB)),
  fc.constantFrom<Expression>({ kind: 'known', fact: 'gpu.memory' }, { kind: 'has', fact: 'cpu.features', word: 'avx' }),
);
const expression: fc.Arbitrary<Expression> = fc.letrec<{ node: Expression }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    leaf,
    tie('node').map((of): Expression => ({ kind: 'not', of })),
    fc.array(tie('node'), { maxLength: 3 }).map((of): Expression => ({ kind: 'all', of })),
    fc.array(tie('node'), { maxLength: 3 }).map((of): Expression => ({ kind: 'any', of })),
  ),
})).node;
const maybe = <Value>(values: readonly Value[]): fc.Arbitrary<Value | undefined> => fc.constantFrom(undefined, ...values);
const machine: fc.Arbitrary<GivenMachine> = fc
  .record({
    memory: maybe([0, GIB, 2 * GIB]),
    cores: maybe([1, 2]),
    features: maybe<readonly string[]>([[], ['avx']]),
    gpus: fc.array(fc.record({ vendor: maybe(['nvidia', 'amd']), memory: maybe([GIB, 3 * GIB]) }), { maxLength: 2 }),
    probed: fc.boolean(),
  })
  .map(({ memory, cores, features, gpus, probed }) => ({
    detected: { memory, 'cpu.cores': cores, 'cpu.features': features },
    devices: gpus.map((gpu, index) => ({
      kind: 'gpu' as const,
      id: String(index),
      origin: 'detected' as const,
      facts: { 'gpu.vendor': gpu.vendor, 'gpu.memory': gpu.memory },
    })),
    probed: probed ? ['gpu' as const] : [],
  }));

/** The meaning of an expression written down a second time, directly over what was given. */
function meaning(of: Expression, given: GivenMachine, device: Readonly<Record<string, unknown>> | null | undefined): number {
  const leafOf = (fact: string, test: (value: never) => boolean): number => {
    if (fact.startsWith('gpu.') && device === null) return 0;
    const value = fact.startsWith('gpu.') ? device?.[fact] : given.detected![fact];
    return value === undefined ? 1 : test(value as never) ? 2 : 0;
  };
  switch (of.kind) {
    case 'not':
      return 2 - meaning(of.of, given, device);
    case 'all':
      return Math.min(2, ...of.of.map((part) => meaning(part, given, device)));
    case 'any':
      return Math.max(0, ...of.of.map((part) => meaning(part, given, device)));
    case 'known':
      return leafOf(of.fact, () => true) === 2 ? 2 : 0;
    case 'has':
      return leafOf(of.fact, (value: readonly string[]) => value.includes(of.word));
    case 'compare':
      if (of.comparator === '>=') return leafOf(of.fact, (value: number) => value >= (of.value as number));
      if (of.comparator === '<') return leafOf(of.fact, (value: number) => value < (of.value as number));
      return leafOf(of.fact, (value: unknown) => value === of.value);
    default:
      throw new Error(of.kind);
  }
}

function oracle(of: Expression, given: GivenMachine): string {
  const none = given.probed!.length > 0 ? null : undefined;
  const choices = given.devices!.length > 0 ? given.devices!.map((device) => device.facts) : [none];
  return (['false', 'unknown', 'true'] as const)[Math.max(...choices.map((device) => meaning(of, given, device)))]!;
}

test('requirement: any expression, any machine -> what its meaning says, normalised or not', () => {
  fc.assert(
    fc.property(expression, machine, (of, given) => {
      const laid = layOut(describeMachine(given).machine);
      const expected = oracle(of, given);
      for (const hard of [of, normalise(of, MACHINE_SCHEMA)]) {
        expect(truthText(matches(compileRequirement({ alternatives: [{ hard, soft: [], use: [] }] }), laid))).toBe(expected);
      }
    }),
    { numRuns: 1000 },
  );
});

test('R2 requirement: canonical text -> parses back to itself and means the same', () => {
  fc.assert(
    fc.property(expression, machine, (hard, given) => {
      const text = canonicalText({ alternatives: [{ hard, soft: [{ expression: hard, weight: 7 }], use: [] }] }, MACHINE_SCHEMA);
      const parsed = parseRequirement(text);
      expect(parsed.ok ? canonicalText(parsed.value, MACHINE_SCHEMA) : parsed.problem).toBe(text);
      if (!parsed.ok) return;
      const laid = layOut(describeMachine(given).machine);
      expect(truthText(matches(compileRequirement(parsed.value), laid))).toBe(oracle(hard, given));
    }),
    { numRuns: 1000 },
  );
});

test('requirement: any text -> a requirement or a problem inside the text, never a throw', () => {
  const words = fc.constantFrom(
    'memory',
    'gpu.vendor',
    '>=',
    '==',
    '16GiB',
    '(',
    ')',
    '&&',
    '||',
    '!',
    'prefer',
    'use',
    'else',
    'in',
    ',',
    '"x"',
    'has',
    '-',
    'é',
    '"',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words).map((parts) => parts.join(' ')),
      ),
      (text) => {
        const parsed = parseRequirement(text);
        if (!parsed.ok) expect(parsed.problem.at >= 0 && parsed.problem.at <= text.length).toBe(true);
      },
    ),
    { numRuns: 1000 },
  );
});
