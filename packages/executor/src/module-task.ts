/** Runs `module` tasks: a user's module in a process of its own, with a channel for progress and checkpoints. */
import { pathToFileURL } from 'node:url';
import { durationMs } from '@holdfast/kernel';
import type { Json, ModuleBody } from '@holdfast/model';
import { exitFacts, exitText, forcedEnd } from './attempt-end.ts';
import { type Attempt, type AttemptEnd, boundedFailure, type Surroundings } from './attempt.ts';
import type { Limbs } from './begin-attempt.ts';
import { realFolders } from './folders.ts';
import { launchWithin } from './launch.ts';
import { readObjects } from './lines.ts';
import { openState, sealState, STATE_BYTES_MAX } from '@holdfast/checkpoint-store/envelope';
import { unpackState } from './checkpoint-state.ts';
import type { ModuleEvent, ModuleRequest } from './module-channel.ts';
import { moduleSpecifier } from './module-path.ts';
import type { Place } from './place.ts';
import { type GroupEnd, type ProcessGroup, startGroup } from './process-group.ts';
import { programFile } from './program-file.ts';

type ModuleEnd = Extract<ModuleEvent, { t: 'end' }>;

/** Runs one attempt of a module to its end. */
export async function runModule(
  attempt: Attempt,
  body: ModuleBody,
  place: Place,
  around: Surroundings,
  attach: (limbs: Limbs) => void,
): Promise<AttemptEnd> {
  const specifier = moduleSpecifier(place.folder, body.path, around.folders);
  if (!specifier.ok) return { outcome: 'errored', reason: specifier.problem };
  const { path, execArgv } = programFile('module-child');
  const launch = launchWithin(around.policy, process.execPath, [...execArgv, path]);
  const { folder: cwd, env, marker } = place;
  const started = await startGroup({ launch, cwd, env, marker, channel: true }, around, attempt.log.push);
  if (!started.ok) return { outcome: 'errored', reason: started.problem };
  const group = started.value;
  attempt.emit({ kind: 'started', pid: group.pid });

  const send = (request: ModuleRequest): void => void group.channel?.requests.write(`${JSON.stringify(request)}\n`);
  const notes = createNotes(attempt, around);
  let end: ModuleEnd | undefined;
  let fault: string | undefined;
  listen(group, {
    progress: notes.add,
    checkpoint(seq, text) {
      const bytes = Buffer.from(text);
      const { data, blob } = sealState({ kind: 'json', bytes });
      attempt.emit({ kind: 'checkpoint', seq, data, ...(blob ? { blob, bytes } : {}) });
    },
    end: (event) => (end ??= event),
    fault(why) {
      fault ??= why;
      group.signal('SIGKILL');
    },
  });
  attach({ signal: group.signal, settled: (seq, problem) => send({ t: 'settled', seq, ...(problem === undefined ? {} : { problem }) }) });
  send({
    t: 'open',
    specifier: specifier.value,
    parent: `${pathToFileURL(place.folder).href}/`,
    folders: realFolders(around.folders),
    input: body.input ?? null,
    attempt: {
      task: env['HOLDFAST_TASK'] ?? '',
      epoch: attempt.order.epoch,
      fencingToken: env['HOLDFAST_FENCING_TOKEN'] ?? '',
      slot: place.slot,
    },
    ...resumeOf(attempt),
  });
  const exit = await group.ended;
  notes.flush();
  return forcedEnd(attempt, exit) ?? moduleVerdict(attempt, body, end, fault, exit);
}

function resumeOf(attempt: Attempt): { readonly resumeFrom?: Json } {
  const { resumeFrom } = attempt.order;
  const state = resumeFrom && openState(resumeFrom.data, resumeFrom.bytes);
  // Whoever gave the order has checked it: what cannot be read is not given.
  return state?.ok && state.value.kind === 'json' ? { resumeFrom: unpackState(state.value) } : {};
}

function moduleVerdict(
  attempt: Attempt,
  body: ModuleBody,
  end: ModuleEnd | undefined,
  fault: string | undefined,
  exit: GroupEnd,
): AttemptEnd {
  if (fault !== undefined) return { outcome: 'errored', reason: `the module's process was ended: ${fault}`, ...exitFacts(exit) };
  if (end === undefined) return { outcome: 'errored', reason: `${exitText(exit)} before the module was done`, ...exitFacts(exit) };
  if (end.how === 'denied') return { outcome: 'errored', reason: `policy_denied: ${end.message}` };
  const failure = end.how === 'returned' ? undefined : boundedFailure(end.message, end.stack);
  if (end.how === 'load') {
    return { outcome: 'errored', reason: `the module did not load: ${end.message}`, ...(failure ? { errors: [failure] } : {}) };
  }
  attempt.addCases([
    {
      path: [attempt.order.name],
      file: body.path,
      grade: failure ? 'failed' : 'passed',
      durationMs: Math.round(attempt.overseer.elapsedMs()),
      attempts: 1,
      ...(failure ? { failure } : {}),
    },
  ]);
  return failure ? { outcome: 'failed', reason: end.how === 'thrown' ? end.message : 'failed' } : { outcome: 'passed' };
}

interface Ears {
  progress(fraction: number, note: string | undefined): void;
  checkpoint(seq: number, text: string): void;
  end(event: ModuleEnd): void;
  fault(why: string): void;
}

/** What comes was said by the user's code as far as the executor knows: anything malformed is a fault. */
function listen(group: ProcessGroup, ears: Ears): void {
  if (!group.channel) return;
  let lastSeq = 0;
  readObjects(
    group.channel.events,
    // Text that is JSON has no control characters: written as a string at most every unit becomes two.
    2 * STATE_BYTES_MAX + LINE_EXTRA_BYTES,
    (event) => {
      const { t, fraction, note, seq, text, how, message, stack } = event;
      if (t === 'progress' && typeof fraction === 'number') return ears.progress(fraction, typeof note === 'string' ? note : undefined);
      if (t === 'checkpoint' && seq === lastSeq + 1 && typeof text === 'string') {
        lastSeq += 1;
        return ears.checkpoint(lastSeq, text);
      }
      if (t === 'end' && how === 'returned') return ears.end({ t, how });
      if (t === 'end' && (how === 'denied' || how === 'load' || how === 'thrown')) {
        return ears.end({ t, how, message: String(message), ...(typeof stack === 'string' ? { stack } : {}) });
      }
      return ears.fault('it said something on its channel that is not understood');
    },
    ears.fault,
  );
}

/** Tells notes on at most ten times a second: the newest wins, the last one is always told. */
function createNotes(attempt: Attempt, around: Surroundings): { add(fraction: number, note: string | undefined): void; flush(): void } {
  let waiting: { readonly fraction: number; readonly note?: string } | undefined;
  let cancel: (() => void) | undefined;
  const tell = (): void => {
    cancel = undefined;
    if (!waiting) return;
    attempt.emit({ kind: 'note', ...waiting });
    waiting = undefined;
    cancel = around.timers.set(durationMs(NOTE_EVERY_MS), tell);
  };
  return {
    add(fraction, note) {
      waiting = { fraction, ...(note === undefined ? {} : { note }) };
      if (!cancel) tell();
    },
    flush() {
      cancel?.();
      tell();
      cancel?.();
    },
  };
}

const LINE_EXTRA_BYTES = 1024;
const NOTE_EVERY_MS = 100;
