/** The verbs that look at a coordinator or tell it something: status, watch, logs, cancel, report. */
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client, RunView } from '@holdfast/client';
import { formatDuration } from '@holdfast/kernel';
import { type RunId, runId } from '@holdfast/model';
import { cacheFolder } from '@holdfast/results/files';
import { connect, type ConnectionFlags } from '../connection.ts';
import { type Console, table } from '../console.ts';
import { EXIT, usageError } from '../exit.ts';
import { startLocalFleet } from '../local/local-fleet.ts';
import { commandName } from '../run/command-name.ts';
import { createReporters, followRun } from '../run/follow.ts';
import { projectFolder } from '../run/project-folder.ts';
import { latestRunFolder, readRecord } from '../run/run-folder.ts';

export interface InspectFlags extends ConnectionFlags {
  readonly json?: boolean;
  readonly reporter?: readonly string[];
}

async function withClient(flags: ConnectionFlags, act: (client: Client) => Promise<number>): Promise<number> {
  const client = connect(flags);
  try {
    return await act(client);
  } finally {
    client.close();
  }
}

export const statusVerb = (flags: InspectFlags, io: Console): Promise<number> =>
  withClient(flags, async (client) => {
    const [status, runs] = await Promise.all([client.status(), client.runs({ limit: 10 })]);
    if (flags.json) {
      io.printJson({ ...status, recent: runs });
      return EXIT.passed;
    }
    const { coordinator } = status;
    io.print(`coordinator ${client.url}, epoch ${coordinator.epoch}${coordinator.draining ? ', draining' : ''}`);
    io.print('');
    const workers = status.workers.map((worker) => [worker.name, worker.state, `${worker.held}/${worker.slots}`, String(worker.pid)]);
    for (const line of table([['WORKER', 'STATE', 'BUSY', 'PID'], ...workers])) io.print(line);
    if (workers.length === 0) io.print('none: start one with `holdfast worker --connect URL`');
    io.print('');
    for (const line of table([['RUN', 'STATE', 'DONE', 'FAILED', 'LOST', 'NAME'], ...runs.map(runRow)])) io.print(line);
    if (runs.length === 0) io.print('none so far');
    return EXIT.passed;
  });

const runRow = ({ id, state, counts, name }: RunView): string[] => [
  id,
  state,
  `${counts.total - counts.remaining}/${counts.total}`,
  String(counts.failed + counts.errored + counts.timedOut + counts.deadLetter),
  String(counts.lostAttempts),
  name,
];

/** The run named, else the newest one. Errors: `CLI_USAGE`. */
async function runOf(client: Client, name: string | undefined): Promise<RunId> {
  if (name !== undefined) return runId(name);
  const [newest] = await client.runs({ limit: 1 });
  if (newest === undefined) throw usageError('find a run: there is none yet');
  return newest.id;
}

export const watchVerb = (name: string | undefined, flags: InspectFlags, io: Console): Promise<number> =>
  withClient(flags, async (client) => reportOn(client, await runOf(client, name), flags, io, true));

/** Reports on a run that is over, or on what is known of one that was interrupted. */
export const reportVerb = (name: string | undefined, flags: InspectFlags, io: Console): Promise<number> =>
  withStoredRun(name, flags, (client, id, manned) => reportOn(client, id, flags, io, manned));

/**
 * Finds a run at the coordinator that the flags name, else in this project, where its coordinator may have to be started.
 * `manned`: workers may be there, so that a run that goes on comes to an end. Errors: `CLI_USAGE`.
 */
export async function withStoredRun(
  name: string | undefined,
  flags: InspectFlags,
  act: (client: Client, id: RunId, manned: boolean) => Promise<number>,
): Promise<number> {
  if (flags.connect !== undefined || process.env['HOLDFAST_CONNECT'] || flags.data !== undefined) {
    return withClient(flags, async (client) => act(client, await runOf(client, name), true));
  }
  const folder = latestRunFolder(cacheFolder(projectFolder(process.cwd())), name);
  const record = folder && readRecord(folder);
  if (!folder || !record || record.id === '') throw usageError('find a run: none was started in this project');
  // Its coordinator may still be there.
  if (existsSync(join(folder.data, 'endpoint.json'))) {
    const client = connect({ ...flags, data: folder.data });
    try {
      if (await client.isReady()) return await act(client, runId(record.id), true);
    } finally {
      client.close();
    }
  }
  const fleet = await startLocalFleet({ data: folder.data, logLevel: 'warn' });
  try {
    return await act(fleet.client, runId(record.id), false);
  } finally {
    await fleet.close();
  }
}

async function reportOn(client: Client, id: RunId, flags: InspectFlags, io: Console, manned: boolean): Promise<number> {
  const run = await client.run(id);
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once('SIGINT', stop);
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-report-'));
  const command = run.name;
  const followed = await followRun({
    client,
    id,
    title: run.name,
    command: [command],
    startedAt: new Date(run.createdWall).toISOString(),
    reporter: createReporters({
      names: flags.json ? ['json'] : (flags.reporter ?? []),
      folder,
      cwd: process.cwd(),
      logs: 'none',
      again: `${commandName(process.env)} run --last-failed -- ${command}`,
    }),
    folder,
    failFast: false,
    passWithNoTests: false,
    // Waiting for its end would be waiting for ever.
    replay: run.state === 'interrupted' || (!manned && run.endedWall === null),
    signal: controller.signal,
    say: (line) => io.say(line),
  });
  process.off('SIGINT', stop);
  if (run.endedWall !== null) io.say(`holdfast: it took ${formatDuration(run.endedWall - run.createdWall)}`);
  return followed.verdict.exitCode;
}

export const cancelVerb = (name: string, flags: InspectFlags, io: Console): Promise<number> =>
  withClient(flags, async (client) => {
    const { id, n } = taskName(name);
    if (n === undefined) await client.cancel(id);
    else await client.cancelTask(id, n);
    io.say(`holdfast: cancelled ${name}`);
    if (flags.json) io.printJson({ cancelled: name });
    return EXIT.passed;
  });

export const pauseVerb = (name: string, paused: boolean, flags: InspectFlags, io: Console): Promise<number> =>
  withClient(flags, async (client) => {
    const { id, n } = taskName(name);
    if (n === undefined) throw usageError(`${paused ? 'pause' : 'unpause'} ${name}: name a task, RUN.N`);
    await (paused ? client.pauseTask(id, n) : client.unpauseTask(id, n));
    io.say(`holdfast: asked the worker of ${name} to ${paused ? 'pause' : 'go on'}`);
    return EXIT.passed;
  });

export const logsVerb = (
  name: string,
  flags: InspectFlags & { readonly follow?: boolean; readonly stream?: string },
  io: Console,
): Promise<number> =>
  withClient(flags, async (client) => {
    const { id, n } = taskName(name);
    if (n === undefined) throw usageError(`print the logs of ${name}: name a task, RUN.N; \`holdfast watch\` shows a whole run`);
    if (flags.stream !== undefined && flags.stream !== 'out' && flags.stream !== 'err')
      throw usageError(`use --stream ${flags.stream}: known are out and err`);
    const query = { n, follow: flags.follow === true, ...(flags.stream === undefined ? {} : { stream: flags.stream as 'out' | 'err' }) };
    for await (const chunk of client.logs(id, query)) {
      if (flags.json) io.print(JSON.stringify(chunk));
      else process.stdout.write(chunk.text);
    }
    return EXIT.passed;
  });

/** `RUN` or `RUN.N`, as people see them. */
export function taskName(name: string): { readonly id: RunId; readonly n?: number } {
  const match = /^(.+)\.(\d{1,9})$/.exec(name);
  return match ? { id: runId(match[1]!), n: Number(match[2]) } : { id: runId(name) };
}
