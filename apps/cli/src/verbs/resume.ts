/** `holdfast resume`: goes on with an interrupted run; what passed is not repeated. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { Client } from '@holdfast/client';
import { runId, type RunId } from '@holdfast/model';
import { runDurations, updateHistory } from '@holdfast/results';
import { cacheFolder, readHistory, writeHistory } from '@holdfast/results/files';
import { connect, type ConnectionFlags } from '../connection.ts';
import type { Console } from '../console.ts';
import { usageError } from '../exit.ts';
import { type LocalFleet, startLocalFleet } from '../local/local-fleet.ts';
import { commandName } from '../run/command-name.ts';
import { createReporters, followRun } from '../run/follow.ts';
import { listenForInterrupts } from '../run/interrupts.ts';
import { projectFolder } from '../run/project-folder.ts';
import { latestRunFolder, readRecord, type RunRecord } from '../run/run-folder.ts';
import { addRest } from '../run/submit.ts';
import { runSettings, type SettingFlags } from '../settings.ts';

export async function resumeVerb(name: string | undefined, flags: SettingFlags & ConnectionFlags, io: Console): Promise<number> {
  const settings = await runSettings(flags);
  const cache = cacheFolder(projectFolder(process.cwd()));
  const folder = latestRunFolder(cache, name);
  const record = folder && readRecord(folder);
  const atEnd: (() => void)[] = [];
  if (settings.connect !== undefined) {
    const id = name ?? record?.id;
    if (!id) throw usageError('resume a run: which one? Give its id');
    const client = connect({ ...flags, connect: settings.connect });
    try {
      return await goOn({
        client,
        id: runId(record?.id ?? id),
        record,
        folder: folder?.path ?? resolve('.'),
        cache,
        reporters: settings.reporter ?? [],
        io,
        atEnd,
      });
    } finally {
      client.close();
      for (const act of atEnd) act();
    }
  }
  if (!folder || !record || record.id === '') {
    throw usageError(`resume a run: ${name === undefined ? 'no run was started in this project' : `there is no run ${name}`}`);
  }
  const { suite } = record.spec;
  const fleet = await startLocalFleet({
    data: folder.data,
    logLevel: settings.logLevel,
    pool: {
      count: Math.max(1, settings.workers ?? record.workers) || availableParallelism(),
      cwd: record.cwd,
      logs: folder.logs,
      logLevel: settings.logLevel,
      ...(suite ? { prewarm: { suite, env: record.spec.env ?? {} } } : {}),
    },
  });
  try {
    return await goOn({
      client: fleet.client,
      id: runId(record.id),
      record,
      folder: folder.path,
      cache,
      reporters: settings.reporter ?? [],
      io,
      fleet,
      atEnd,
    });
  } finally {
    await fleet.close();
    for (const act of atEnd) act();
  }
}

interface Going {
  readonly client: Client;
  readonly id: RunId;
  readonly record: RunRecord | undefined;
  readonly folder: string;
  readonly cache: string;
  readonly reporters: readonly string[];
  readonly io: Console;
  readonly fleet?: LocalFleet;
  /** Takes what is to be done when nothing is left to close. */
  readonly atEnd: (() => void)[];
}

async function goOn({ client, id, record, folder, cache, reporters, io, fleet, atEnd }: Going): Promise<number> {
  const run = await client.run(id);
  const over = run.state === 'finished' || run.state === 'cancelled';
  if (over) io.say(`holdfast: ${run.name} is over: ${run.state}; this is its report`);
  else {
    io.say(`holdfast: ${run.name}: ${run.counts.total - run.counts.remaining} of ${run.counts.total} done, going on`);
    await client.resume(id);
    // Its process died, or was interrupted, before all tasks were handed over.
    if (!run.sealed && record) await addRest(client, id, record.tasks, run.counts.total);
  }
  const interrupts = listenForInterrupts(
    () => client.interrupt(id),
    (code) => process.exit(code),
  );
  atEnd.push(() => interrupts.dispose());
  const command = record?.command ?? [];
  const followed = await followRun({
    client,
    id,
    title: run.name,
    command,
    startedAt: record?.startedAt ?? new Date(run.createdWall).toISOString(),
    reporter: createReporters({
      names: reporters,
      folder,
      cwd: record?.cwd ?? process.cwd(),
      logs: 'none',
      again: `${commandName(process.env)} run --last-failed -- ${command.join(' ')}`,
    }),
    folder,
    failFast: false,
    signal: interrupts.signal,
    passWithNoTests: record?.spec.suite?.options?.['passWithNoTests'] === true,
    ...(fleet ? { broken: fleet.failed, takeDown: () => fleet.takeDown() } : {}),
    say: (line) => io.say(line),
  });
  if (record) writeHistory(cache, updateHistory(readHistory(cache).history, runDurations(id, followed.fold)));
  return interrupts.code() ?? followed.exitCode;
}
