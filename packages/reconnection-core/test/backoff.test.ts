import { expect, test } from 'vitest';
import type { ClientInput } from '../src/index.ts';
import { offer, type Step, tell, up, wait } from './story.ts';

/** A cut, then so many dials that fail, each waited for; `during` happens right after the cut. */
const outage = (dials: number, ...during: readonly Step<ClientInput>[]): Step<ClientInput>[] => [
  { kind: 'started' },
  ...up(1),
  { kind: 'linkClosed', link: 1, code: 1006, reason: 'cut' },
  ...during,
  ...Array.from({ length: dials }, (_, index): Step<ClientInput>[] => [
    wait(30_000),
    { kind: 'dialFailed', link: index + 2, reason: 'refused', terminal: false },
  ]).flat(),
];

test('I8 client: a result waits while nobody can be reached -> calls as often as with a lease', () => {
  const longest = (steps: readonly Step<ClientInput>[]): number =>
    Math.max(
      ...tell(steps)
        .of('down')
        .map(({ retryIn }) => retryIn),
    );
  expect(longest(outage(30))).toBeGreaterThan(20_000);
  expect(longest(outage(30, offer(1)))).toBeLessThanOrEqual(5000);
});
