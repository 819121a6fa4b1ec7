// Everything that must hold before a change is merged, each step with its time; all steps run even after one has failed.
//
//   pnpm verify                    all steps
//   pnpm verify --without tests    for a caller that has just run them, as `.ci/run` has
//   pnpm verify --only lint,types  some steps
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const STEPS = {
  format: 'oxfmt --check',
  lint: 'oxlint --deny-warnings',
  build: 'node scripts/build.mjs',
  types: 'tsc -p tsconfig.tests.json',
  'repo-checks': 'node tools/repo-checks/src/main.ts',
  publint: 'node scripts/publint.mjs',
  tests: 'vitest run',
};

const { values } = parseArgs({ options: { without: { type: 'string', default: '' }, only: { type: 'string' } } });
const without = values.without.split(',').filter(Boolean);
const names = (values.only?.split(',') ?? Object.keys(STEPS)).filter((name) => !without.includes(name));
const unknown = [...without, ...names].filter((name) => !(name in STEPS));
if (unknown.length > 0 || names.length === 0) {
  console.error(`verify: ${unknown.join(', ') || 'nothing'} is not a step; known are ${Object.keys(STEPS).join(', ')}`);
  process.exit(2);
}

const root = resolve(import.meta.dirname, '..');
const failed = [];
const report = [];
for (const name of names) {
  console.error(`verify: ${name}: ${STEPS[name]}`);
  const started = performance.now();
  const { status, signal } = spawnSync(`pnpm exec ${STEPS[name]}`, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], shell: true });
  if (signal) process.exit(1);
  if (status !== 0) failed.push(name);
  report.push(`${status === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(12)} ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
console.error(`verify:\n${report.join('\n')}${without.length > 0 ? `\nnot run: ${without.join(', ')}` : ''}`);
process.exitCode = failed.length === 0 ? 0 : 1;
