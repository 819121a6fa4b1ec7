import { expect, test } from 'vitest';
import { simulateMany } from '../src/campaign.ts';
import { simulate } from '../src/simulate.ts';

const runs = Number(process.env['SIM_RUNS'] ?? 100);
const first = process.env['SIM_SEED'] ?? '100001';

test(
  `simulation: ${runs} seeds from ${first} under faults, then healed -> every guarantee holds and every checker judged something`,
  { timeout: 120_000 },
  () => {
    const report = simulateMany({ first, runs });
    expect(report.failures, report.text).toEqual([]);
  },
);

test('simulation: one seed twice -> one story', () => {
  const [one, other] = [simulate('7'), simulate('7')];
  expect(other.hash).toBe(one.hash);
  expect(other.events).toBe(one.events);
});

test('simulation: two seeds -> two stories', () => {
  expect(simulate('7').hash).not.toBe(simulate('8').hash);
});
