import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createHeldDigest } from '../src/index.ts';

test('held digest: the examples of PROTOCOL.md -> the same numbers', () => {
  const digest = createHeldDigest();
  expect(digest.value()).toEqual({ count: 0, hash: 0 });
  digest.add('1.2.3');
  expect(digest.value()).toEqual({ count: 1, hash: 4170107567 });
  digest.add('1.3.1');
  expect(digest.value()).toEqual({ count: 2, hash: 3845474470 });
});

test('held digest: the same leases in any order, with detours -> the same digest; another set -> another', () => {
  const lease = fc.tuple(fc.nat(9), fc.nat(99), fc.nat(9)).map((parts) => parts.join('.'));
  fc.assert(
    fc.property(fc.uniqueArray(lease, { minLength: 1 }), fc.array(lease), (leases, detours) => {
      const straight = createHeldDigest();
      const winding = createHeldDigest();
      for (const one of leases) straight.add(one);
      for (const one of detours) winding.add(one);
      for (const one of leases.toReversed()) winding.add(one);
      for (const one of detours) if (!leases.includes(one)) winding.remove(one);
      expect(winding.value()).toEqual(straight.value());
      expect(straight.add(leases[0]!)).toBe(false);
      expect(straight.remove(leases[0]!)).toBe(true);
      expect(straight.value()).not.toEqual(winding.value());
    }),
  );
});
