/** `pnpm simulate`: runs seeds and reports. `--seed S` one seed; `--runs N` N seeds (from `--seed` on, if it is a number); `--verbose` the whole story; `--keep-going` past failures. */
import { parseArgs } from 'node:util';
import { simulateMany } from './campaign.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    runs: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const seed = values.seed ?? process.env['SIM_SEED'];
const runs = Number(values.runs ?? process.env['SIM_RUNS'] ?? (seed === undefined ? 100 : 1));
const report = simulateMany({
  first: seed ?? '1',
  runs,
  failuresMax: values['keep-going'] ? Infinity : 1,
  ...(values.verbose ? { verbose: (line: string) => process.stderr.write(`${line}\n`) } : {}),
});
if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
else process.stdout.write(`${report.text}\n`);
process.exitCode = report.failures.length > 0 ? 1 : 0;
