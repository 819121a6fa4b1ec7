import { createFailureLimiter, DEFAULT_FAILURE_LIMITER } from '@holdfast/auth';
import { monoMs } from '@holdfast/kernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const options = { ...DEFAULT_FAILURE_LIMITER, keysMax: 50 };

test('F2 limiter: five failures of an address pass as they are, then blocks double up to the longest', () => {
  const limiter = createFailureLimiter();
  const answers: number[] = [];
  for (let now = 0, failures = 0; failures < 20; failures += 1) {
    const block = limiter.failed('10.0.0.1', undefined, monoMs(now));
    answers.push(block);
    now += block;
  }
  expect(answers.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
  expect(answers.slice(5)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300, 300, 300].map((seconds) => seconds * 1000));
});

test('F2 limiter: during a block -> what is left of it; a window of silence after it -> forgotten', () => {
  const limiter = createFailureLimiter();
  for (let failures = 0; failures < 6; failures += 1) limiter.failed('a', undefined, monoMs(0));
  expect(limiter.failed('a', undefined, monoMs(400))).toBe(600);
  expect(limiter.failed('b', undefined, monoMs(400))).toBe(0);
  expect(limiter.failed('a', undefined, monoMs(61_001))).toBe(0);
});

test('F2 limiter: one key id from many addresses -> refused after twenty', () => {
  const limiter = createFailureLimiter();
  const answers = Array.from({ length: 25 }, (_, index) => limiter.failed(`10.0.0.${index}`, 'k', monoMs(index)));
  expect(answers.slice(0, 20).every((block) => block === 0)).toBe(true);
  expect(answers.slice(20).every((block) => block > 0)).toBe(true);
});

test('F3 limiter: any failures in any order -> bounded memory, blocks within their bounds, at most five a window unanswered', () => {
  const failure = fc.record({ address: fc.nat(80), keyId: fc.option(fc.nat(5), { nil: undefined }), wait: fc.nat(20_000) });
  fc.assert(
    fc.property(fc.array(failure, { maxLength: 300 }), (failures) => {
      const limiter = createFailureLimiter(options);
      let now = 0;
      for (const { address, keyId, wait } of failures) {
        now += wait;
        const block = limiter.failed(String(address), keyId === undefined ? undefined : String(keyId), monoMs(now));
        expect(block).toBeGreaterThanOrEqual(0);
        expect(block).toBeLessThanOrEqual(options.blockMaxMs);
        expect(limiter.size).toBeLessThanOrEqual(options.keysMax);
      }
      const [first, ...rest] = Array.from({ length: 7 }, () => limiter.failed('fresh', undefined, monoMs(now)));
      expect(first).toBe(0);
      expect(rest.at(-1)).toBeGreaterThan(0);
    }),
    { numRuns: 200 },
  );
});
