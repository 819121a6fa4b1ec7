/** Runs `command` tasks: a program with arguments, judged by its exit code or by the JUnit file it writes. */
import { rmSync } from 'node:fs';
import type { CommandBody } from '@holdfast/model';
import type { Attempt, AttemptEnd, Surroundings } from './attempt.ts';
import { exitFacts, exitText, forcedEnd, taskFile } from './attempt-end.ts';
import { canonicalProgram, findProgram, resolveFolder } from './folders.ts';
import { junitVerdict, locateResults } from './junit-results.ts';
import type { Limbs } from './begin-attempt.ts';
import { launchWithin } from './launch.ts';
import type { Place } from './place.ts';
import { type GroupEnd, startGroup } from './process-group.ts';

/** Runs one attempt of a command to its end. `attach` receives its group as soon as there is one. */
export async function runCommand(
  attempt: Attempt,
  body: CommandBody,
  place: Place,
  around: Surroundings,
  attach: (limbs: Limbs) => void,
): Promise<AttemptEnd> {
  const { folder, env, marker } = place;
  const cwd = resolveFolder(folder, body.cwd, around.folders);
  if (!cwd.ok) return { outcome: 'errored', reason: cwd.problem };
  const [name = '', ...args] = body.argv;
  if (args.some((argument) => argument.includes('\0')))
    return { outcome: 'errored', reason: 'policy_denied: an argument contains a NUL byte' };
  const program = findProgram(name, cwd.value, env['PATH'] ?? env['Path']);
  if (!program.ok) return { outcome: 'errored', reason: program.problem };
  if (!mayRun(program.value, around)) return { outcome: 'errored', reason: `policy_denied: this worker does not run ${name}` };
  const results = body.results && locateResults(cwd.value, body.results.path, around.folders);
  if (results && !results.ok) return { outcome: 'errored', reason: results.problem };
  // What an earlier attempt wrote must not be taken for the result of this one.
  if (results) rmSync(results.value, { force: true });

  const launch = launchWithin(around.policy, program.value, args, name);
  const started = await startGroup({ launch, cwd: cwd.value, env, marker, channel: false }, around, attempt.log.push);
  if (!started.ok) return { outcome: 'errored', reason: started.problem };
  attempt.emit({ kind: 'started', pid: started.value.pid });
  attach(started.value);
  const end = await started.value.ended;
  const forced = forcedEnd(attempt, end);
  if (forced) return forced;
  if (results) return { ...(await junitVerdict(attempt, folder, results.value, end)), ...exitFacts(end) };
  return exitVerdict(attempt, folder, end);
}

/** The exit code decides; the command as a whole is the one case. Killed by a signal it did not finish: no case is proven. */
function exitVerdict(attempt: Attempt, folder: string, end: GroupEnd): AttemptEnd {
  if (end.signal !== null) return { outcome: 'errored', reason: exitText(end), ...exitFacts(end) };
  const passed = end.code === 0;
  attempt.addCases([
    {
      path: [attempt.order.name],
      file: taskFile(attempt.order.name, folder),
      grade: passed ? 'passed' : 'failed',
      durationMs: Math.round(attempt.overseer.elapsedMs()),
      attempts: 1,
      ...(passed ? {} : { failure: { message: exitText(end) } }),
    },
  ]);
  return passed ? { outcome: 'passed', ...exitFacts(end) } : { outcome: 'failed', reason: exitText(end), ...exitFacts(end) };
}

function mayRun(program: string, { policy }: Surroundings): boolean {
  if (policy.commands === undefined) return true;
  const wanted = canonicalProgram(program);
  return policy.commands.some((allowed) => {
    const found = findProgram(allowed, '/', process.env['PATH']);
    return found.ok && canonicalProgram(found.value) === wanted;
  });
}
