/**
 * A made-up run on a real reporter: `node --conditions=@holdfast/source examples/watch-a-run.ts [pretty|ci|json] [speed]`.
 * Two machines, forty files, a failure, a flaky test and a machine that is lost on the way.
 */
import { createRandom, nextTurns } from './script.ts';
import { createRunFold, type RunEvent, verdict } from '../src/index.ts';
import { createReporter, processOut, type ReporterKind } from '../src/io/reporters.ts';
import { createReadLines } from '../src/io/files.ts';

const kind = (process.argv[2] ?? 'auto') as ReporterKind;
const speed = Number(process.argv[3] ?? 1000);
const out = processOut();
const fold = createRunFold();
const reporter = createReporter(
  kind,
  {
    again: 'holdfast run --last-failed -- npx vitest run',
    reports: ['.holdfast/report.json', '.holdfast/junit.xml'],
    readLines: createReadLines(import.meta.dirname),
  },
  out,
);

for (const [waitMs, event] of nextTurns(createRandom('demo'))) {
  await new Promise((resolve) => setTimeout(resolve, waitMs / speed));
  tell(event);
}
const wallMs = fold.wallMs(out.clock.mono());
const result = verdict(fold);
await reporter.end(fold, { verdict: result, wallMs, run: { name: 'demo' } });
process.exitCode = process.argv.length > 2 ? result.exitCode : 0;

function tell(event: RunEvent): void {
  reporter.event(event, fold.apply(event, out.clock.mono()), fold);
}
