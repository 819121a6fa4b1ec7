/**
 * Runs a suite one file at a time in one warm host: `node --conditions=@holdfast/source examples/run-suite.ts npm test`.
 * This is what a worker does per slot, without its time limits.
 */
import { ADAPTERS, type HostEvent, recogniseCommand } from '@holdfast/test-adapters';
import { describeExit, hostProgram, listUnits, openHost, readProject } from '@holdfast/test-adapters/host';

const project = readProject(process.cwd(), ADAPTERS);
const found = recogniseCommand(process.argv.slice(2), project);
if (found?.kind !== 'suite') throw new Error(found?.reason ?? 'no runner that is known; use --files for any command');
const cwd = found.cwd ?? process.cwd();
const env = { ...process.env, ...found.env };
const { units } = await listUnits({ suite: found.suite, cwd, env });

let failed = 0;
let next = 0;
const host = openHost({ program: hostProgram(found.suite.adapter), cwd, env }, { event: handle });
host.send({ t: 'open', cwd, suite: found.suite, slot: 0 });

function handle(event: HostEvent): void {
  if (event.t === 'case') console.log(`${event.result.grade} ${event.result.file} ${event.result.path.join(' > ')}`);
  if (event.t === 'end' && !event.ok) failed += 1;
  if (event.t !== 'ready' && event.t !== 'end') return;
  const unit = units[next];
  next += 1;
  host.send(unit ? { t: 'run', id: next, unit } : { t: 'close' });
}

const exit = await host.exited;
console.log(`${failed} of ${units.length} files failed; ${describeExit(exit)}`);
process.exitCode = failed === 0 && exit.code === 0 ? 0 : 1;
