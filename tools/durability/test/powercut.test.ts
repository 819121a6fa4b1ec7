import { expect, test } from 'vitest';
import { cutPower } from '../src/power/campaign.ts';
import { whyNoPowerCut } from '../src/power/disk.ts';

const why = await whyNoPowerCut();
if (why !== undefined) process.stderr.write(`\npowercut: NOT RUN on this machine: ${why}\n\n`);
const cuts = Number(process.env['POWER_CUTS'] ?? 100);
const seed = process.env['POWER_SEED'] ?? '1';

test.skipIf(why !== undefined)(
  `power cut: ${cuts} times in the middle of commits -> no acknowledged row is lost, every invariant holds`,
  { timeout: 600_000 },
  async () => {
    const report = await cutPower({ cuts, seed });
    expect(report.lost).toEqual([]);
    expect(report.broken).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(cuts);
  },
);

// The cut must be one: settings that are known to lose must lose under it. One loss is enough; DELETE loses only in one cut of five.
for (const control of ['wal-normal', 'delete-full'] as const) {
  test.skipIf(why !== undefined)(`power cut: a store with ${control} -> loses what it acknowledged`, { timeout: 300_000 }, async () => {
    const report = await cutPower({ cuts: 100, seed: `${seed}-${control}`, control });
    expect(report.lost.length, `${report.cuts} cuts, ${report.acknowledged} rows`).toBeGreaterThan(0);
  });
}
