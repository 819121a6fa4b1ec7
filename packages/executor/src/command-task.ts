/** Runs `command` tasks: a program with arguments, judged by its exit code or by the results it writes or prints. */
import { rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { openState } from '@holdfast/checkpoint-store/envelope';
import type { CommandBody } from '@holdfast/model';
import type { Attempt, AttemptEnd, Surroundings } from './attempt.ts';
import { exitFacts, exitText, forcedEnd, taskFile } from './attempt-end.ts';
import { type CheckpointFolder, watchCheckpoints } from './checkpoint-folder.ts';
import { canonicalProgram, findProgram, resolveFolder } from './folders.ts';
import { collectPrinted, junitVerdict, locateResults, resultsVerdict } from './command-results.ts';
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
  const results = body.results?.format === 'junit' ? locateResults(cwd.value, body.results.path, around.folders) : undefined;
  if (results && !results.ok) return { outcome: 'errored', reason: results.problem };
  // What an earlier attempt wrote must not be taken for the result of this one.
  if (results) rmSync(results.value, { force: true });

  const printed = body.results && body.results.format !== 'junit' ? { format: body.results.format, output: collectPrinted() } : undefined;
  const launch = launchWithin(around.policy, program.value, args, name);
  const checkpoints = openCheckpoints(attempt, place, around);
  const own = { ...env, ...checkpoints?.env };
  const started = await startGroup({ launch, cwd: cwd.value, env: own, marker, channel: false }, around, (stream, chunk) => {
    attempt.log.push(stream, chunk);
    if (stream === 'out') printed?.output.take(chunk);
  });
  if (!started.ok) {
    await checkpoints?.folder.close(false);
    return { outcome: 'errored', reason: started.problem };
  }
  attempt.emit({ kind: 'started', pid: started.value.pid });
  attach({ signal: started.value.signal, ...(checkpoints ? { settled: checkpoints.folder.settled } : {}) });
  const end = await started.value.ended;
  // What it saved last serves a further attempt, and nobody after it has passed.
  await checkpoints?.folder.close(end.code !== 0);
  const forced = forcedEnd(attempt, end);
  if (forced) return forced;
  if (results) return { ...(await junitVerdict(attempt, folder, results.value, end)), ...exitFacts(end) };
  if (printed)
    return { ...resultsVerdict(attempt, printed.output.read(printed.format, attempt.order.name, folder), end), ...exitFacts(end) };
  return exitVerdict(attempt, folder, end);
}

/** Puts the state to go on from into the checkpoint folder, as a file, and watches it. */
function openCheckpoints(
  attempt: Attempt,
  place: Place,
  around: Surroundings,
): { readonly folder: CheckpointFolder; readonly env: Readonly<Record<string, string>> } | undefined {
  if (!place.scratch) return undefined;
  const { checkpoints: folder } = place.scratch;
  const { resumeFrom } = attempt.order;
  const state = resumeFrom && openState(resumeFrom.data, resumeFrom.bytes);
  const path = state?.ok ? join(folder, basename(state.value.name ?? '') || 'checkpoint') : undefined;
  if (state?.ok) writeFileSync(path!, state.value.bytes);
  const given = state?.ok ? (resumeFrom!.data as { digest: string }).digest : undefined;
  return {
    env: path === undefined ? {} : { HOLDFAST_RESUME_FILE: path },
    folder: watchCheckpoints(folder, around.checkpointEveryMs, given, {
      timers: around.timers,
      tell: (seq, { data, blob }, bytes) => attempt.emit({ kind: 'checkpoint', seq, data, ...(blob ? { blob, bytes } : {}) }),
      complain: (text) => attempt.log.push('err', Buffer.from(`holdfast: ${text}\n`)),
    }),
  };
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
