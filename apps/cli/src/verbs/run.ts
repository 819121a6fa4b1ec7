/** `holdfast run`: any test command, spread over local workers or over those of a coordinator. */
import { availableParallelism } from 'node:os';
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { readFileSync } from 'node:fs';
import type { Client, TaskInput } from '@holdfast/client';
import type { RunSettings } from '@holdfast/config';
import type { RunId } from '@holdfast/model';
import { type DurationHistory, runDurations, updateHistory } from '@holdfast/results';
import { cacheFolder, readHistory, writeHistory } from '@holdfast/results/files';
import type { Console } from '../console.ts';
import { EXIT, usageError } from '../exit.ts';
import { type LocalFleet, startLocalFleet } from '../local/local-fleet.ts';
import { commandName } from '../run/command-name.ts';
import { createReporters, type Followed, followRun } from '../run/follow.ts';
import { type Interrupts, listenForInterrupts } from '../run/interrupts.ts';
import { type Plan, planRun } from '../run/plan.ts';
import { projectFolder } from '../run/project-folder.ts';
import { createRunFolder, type RunFolder, type RunRecord, writeRecord } from '../run/run-folder.ts';
import { submitRun } from '../run/submit.ts';
import { runSettings, type SettingFlags } from '../settings.ts';

/** Flags that are not settings. */
export interface RunFlags {
  readonly commands?: string;
  readonly modules?: readonly string[];
  readonly results?: string;
  readonly lastFailed: boolean;
  readonly json: boolean;
  readonly logs: boolean;
}

/** Resolves with the exit code. */
export async function runVerb(command: readonly string[], flags: RunFlags, settingFlags: SettingFlags, io: Console): Promise<number> {
  const settings = await runSettings(settingFlags);
  const plan = planFor(command, flags, settings);
  const cache = cacheFolder(projectFolder(process.cwd()));
  const { history, note } = readHistory(cache, settings.history);
  tellNotes(io, [...plan.notes, ...(note === undefined ? [] : [note])]);
  const session: Session = { settings, flags, plan, cache, history, io, startedAt: new Date(), command, atEnd: [] };
  return settings.connect === undefined ? runHere(session) : runThere(session, settingFlags);
}

/** What the command line asks to be run, here. Errors: those of `planRun`. */
export const planFor = (
  command: readonly string[],
  flags: Pick<RunFlags, 'commands' | 'modules' | 'results' | 'lastFailed'>,
  settings: RunSettings,
): Plan =>
  planRun({
    command,
    cwd: process.cwd(),
    files: settings.files,
    commands: flags.commands,
    modules: flags.modules,
    results: flags.results,
    env: settings.env ?? {},
    retries: settings.retries,
    timeoutMs: settings.timeout,
    lastFailed: flags.lastFailed,
    shard: settings.shard,
    processEnv: process.env,
  });

interface Session {
  readonly settings: RunSettings;
  readonly flags: RunFlags;
  readonly plan: Plan;
  readonly cache: string;
  readonly history: DurationHistory;
  readonly io: Console;
  readonly startedAt: Date;
  readonly command: readonly string[];
  /** To be done when nothing is left to close: until then a second Ctrl-C leaves at once. */
  readonly atEnd: (() => void)[];
}

async function runHere(session: Session): Promise<number> {
  const { settings, plan, io } = session;
  // The runner lists while coordinator and workers start.
  const listing = plan.tasks(session.history);
  listing.catch(() => {
    /* ignored here: awaited below. */
  });
  const wanted = Math.max(1, settings.workers ?? plan.takenOver.workers ?? availableParallelism());
  const folder = createRunFolder(session.cache, session.startedAt);
  const fleet = await startLocalFleet({
    data: folder.data,
    logLevel: settings.logLevel,
    pool: {
      count: wanted,
      cwd: plan.cwd,
      logs: folder.logs,
      logLevel: settings.logLevel,
      ...(plan.suite ? { prewarm: { suite: plan.suite, env: plan.spec.env ?? {} } } : {}),
    },
  });
  try {
    const { tasks, runner, notes, serial } = await Promise.race([listing, fleet.failed]);
    tellNotes(io, notes);
    if (tasks.length === 0) return EXIT.passed;
    // Whoever says --workers knows better than the config.
    const isSerial = serial === true && settings.workers === undefined && wanted > 1;
    const workers = isSerial ? 1 : wanted;
    if (isSerial) {
      fleet.keepWorkers(1);
      io.say("holdfast: the suite's own config is serial: one file at a time; --workers says otherwise");
    }
    const record = recordOf(session, workers, tasks);
    writeRecord(folder, record);
    io.say(`holdfast: ${opening(session, tasks, runner)}, ${workers} ${workers === 1 ? 'worker' : 'workers'}`);
    return await submitAndFollow(session, fleet.client, tasks, folder, record, fleet);
  } finally {
    await fleet.close();
    for (const act of session.atEnd) act();
  }
}

async function runThere(session: Session, flags: SettingFlags): Promise<number> {
  const { plan, io } = session;
  const { connect } = await import('../connection.ts');
  if (plan.suite?.options?.['localOnly'] === true) {
    throw usageError(`run ${plan.title} on other machines: it writes snapshots into their checkouts, not into yours; leave --connect out`);
  }
  const client = connect({
    ...flags,
    connect: session.settings.connect,
    token: session.settings.token,
    tokenFile: session.settings.tokenFile,
  });
  try {
    // Wrong address and wrong token show before the runner has listed anything.
    const [{ tasks, runner, notes, serial }, status] = await Promise.all([plan.tasks(session.history), client.status()]);
    tellNotes(io, notes);
    if (tasks.length === 0) return EXIT.passed;
    const folder = createRunFolder(session.cache, session.startedAt);
    const record = recordOf(session, 0, tasks);
    writeRecord(folder, record);
    const slots = status.workers.filter((worker) => worker.state === 'connected').reduce((sum, worker) => sum + worker.slots, 0);
    io.say(`holdfast: ${opening(session, tasks, runner)}, ${slots} ${slots === 1 ? 'slot' : 'slots'} at ${client.url}`);
    if (serial === true && slots > 1)
      io.say("holdfast: the suite's own config is serial, which several workers do not keep; give it one with --class or run it here");
    if (slots === 0) io.say('holdfast: no worker is connected; the run waits for the first one');
    return await submitAndFollow(session, client, tasks, folder, record);
  } finally {
    client.close();
    for (const act of session.atEnd) act();
  }
}

async function submitAndFollow(
  session: Session,
  client: Client,
  tasks: readonly TaskInput[],
  folder: RunFolder,
  record: RunRecord,
  fleet?: LocalFleet,
): Promise<number> {
  const { settings, flags, plan, io } = session;
  let spec = plan.spec;
  let fingerprint = {};
  if (settings.connect !== undefined) {
    const { readFingerprint } = await import('@holdfast/worker');
    const place = readFingerprint(plan.cwd);
    spec = { ...spec, cwd: place.folder === '' ? '.' : place.folder };
    fingerprint = { fingerprint: place.fingerprint };
  }
  const out = settings.out === undefined ? folder.path : resolve(settings.out);
  const known = Promise.withResolvers<RunId>();
  const interrupts = listenForInterrupts(
    async (name) => {
      io.say(`holdfast: ${name}: stopping; a second signal leaves at once`);
      // It may be on its way to the coordinator.
      await client.interrupt(await known.promise);
    },
    (code) => process.exit(code),
  );
  session.atEnd.push(() => interrupts.dispose());
  const submitted = submitRun(client, {
    name: plan.title.slice(0, 512),
    spec,
    ...fingerprint,
    tasks,
    key: randomUUID(),
    accepted(accepted) {
      writeRecord(folder, { ...record, id: accepted, spec });
      known.resolve(accepted);
    },
    stopped: () => interrupts.code() !== undefined,
  });
  const id = await (fleet ? Promise.race([submitted, fleet.failed]) : submitted);
  const followed = await followToEnd(client, id, session, out, interrupts, fleet);
  if (flags.json) io.print(readFileSync(followed.report, 'utf8').trimEnd());
  const kept = readHistory(session.cache, settings.history).history;
  writeHistory(session.cache, updateHistory(kept, runDurations(id, followed.fold)), settings.history);
  if (followed.verdict.kind === 'interrupted') {
    io.say(
      `holdfast: go on with: ${commandName(process.env)} resume ${settings.connect === undefined ? folder.name : `${id} --connect ${settings.connect}`}`,
    );
  }
  return followed.exitCode;
}

async function followToEnd(
  client: Client,
  id: RunId,
  session: Session,
  out: string,
  interrupts: Interrupts,
  fleet: LocalFleet | undefined,
): Promise<Followed> {
  const { settings, flags, plan } = session;
  // Its tasks were not all handed over: nothing is followed before the coordinator has stopped what began.
  const isCutShort = interrupts.code() !== undefined;
  if (isCutShort) await interrupts.settled;
  const followed = await followRun({
    client,
    id,
    title: plan.title,
    command: session.command,
    startedAt: session.startedAt.toISOString(),
    reporter: createReporters({
      names: settings.reporter ?? [],
      folder: out,
      cwd: plan.cwd,
      logs: flags.logs ? 'all' : 'none',
      again: againCommand(session),
    }),
    folder: out,
    failFast: settings.failFast || plan.takenOver.failFast === true,
    replay: isCutShort,
    signal: interrupts.signal,
    passWithNoTests: plan.suite?.options?.['passWithNoTests'] === true,
    ...(fleet ? { broken: fleet.failed, takeDown: () => fleet.takeDown() } : {}),
    say: (line) => session.io.say(line),
  });
  return { ...followed, exitCode: interrupts.code() ?? followed.exitCode };
}

function tellNotes(io: Console, notes: readonly string[]): void {
  for (const note of notes) io.say(`holdfast: ${note}`);
}

function recordOf(session: Session, workers: number, tasks: readonly TaskInput[]): RunRecord {
  return {
    version: 1,
    id: '',
    command: session.command,
    title: session.plan.title,
    cwd: session.plan.cwd,
    spec: session.plan.spec,
    workers,
    startedAt: session.startedAt.toISOString(),
    tasks,
  };
}

function opening(session: Session, tasks: readonly TaskInput[], runner: string): string {
  const known = tasks.filter((task) => (task.predictedMs ?? 0) > 0).length;
  const noun = session.plan.suite || session.settings.files ? 'file' : session.flags.modules ? 'module' : 'command';
  const { shard } = session.settings;
  const count = `${tasks.length} ${noun}${tasks.length === 1 ? '' : 's'}${shard ? `, part ${shard.index} of ${shard.count}` : ''}`;
  const memory = known === 0 ? 'no history yet' : known === tasks.length ? 'longest first' : `durations of ${known} known, longest first`;
  return `${count} (${runner}), ${memory}`;
}

/** The command line that runs only what failed. */
function againCommand(session: Session): string {
  const { settings, flags } = session;
  const words = [`${commandName(process.env)} run --last-failed`];
  if (settings.files) words.push(...settings.files.map((glob) => `--files '${glob}'`));
  if (flags.commands !== undefined) words.push(`--commands ${flags.commands}`);
  if (flags.modules) words.push(...flags.modules.map((glob) => `--modules '${glob}'`));
  if (settings.history !== undefined) words.push(`--history ${settings.history}`);
  if (settings.connect !== undefined) words.push(`--connect ${settings.connect}`);
  return `${words.join(' ')}${session.command.length > 0 ? ` -- ${session.command.join(' ')}` : ''}`;
}
