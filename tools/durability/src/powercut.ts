/** `pnpm powercut`: cuts the power of the store. `--cuts N` (default 100); `--seed S`; `--control wal-normal|delete-full` a store that must lose; `--until-loss`; `--verbose`; `--json`. */
import { parseArgs } from 'node:util';
import { cutPower } from './power/campaign.ts';
import type { Control } from './power/child-messages.ts';
import { whyNoPowerCut } from './power/disk.ts';

const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    control: { type: 'string' },
    'until-loss': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const why = await whyNoPowerCut();
if (why !== undefined) {
  process.stderr.write(`powercut: NOT RUN: ${why}\n`);
  if (values.json) process.stdout.write(`${JSON.stringify({ notRun: why })}\n`);
  process.exitCode = 3;
} else {
  const report = await cutPower({
    cuts: Number(values.cuts),
    seed: values.seed,
    ...(values['until-loss'] ? { untilLoss: true } : {}),
    ...(values.control === undefined ? {} : { control: values.control as Control }),
    ...(values.verbose ? { progress: (line: string) => process.stderr.write(`${line}\n`) } : {}),
  });
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else {
    const { cuts, acknowledged, late, lost, broken, seconds } = report;
    for (const text of [...lost, ...broken].slice(0, 20)) process.stdout.write(`${text}\n`);
    process.stdout.write(
      `${cuts} cuts in ${seconds.toFixed(1)} s: ${acknowledged} rows acknowledged before their cut, ${late} after it (not counted), ${lost.length} lost, ${broken.length} broken\n`,
    );
  }
  const good = report.acknowledged > 0 && report.lost.length + report.broken.length === 0;
  process.exitCode = good ? 0 : 1;
}
