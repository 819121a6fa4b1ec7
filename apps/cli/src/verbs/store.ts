/** `holdfast backup`, `restore` and `migrate`: the store of a coordinator on this machine. */
import { resolve } from 'node:path';
import { backUp, migrateStore, restore } from '@holdfast/coordinator';
import type { Console } from '../console.ts';
import { EXIT } from '../exit.ts';
import { coordinatorSettings } from '../settings.ts';

export interface StoreFlags {
  readonly data?: string;
  readonly json?: boolean;
  readonly dryRun?: boolean;
}

export async function backupVerb(folder: string, flags: StoreFlags, io: Console): Promise<number> {
  const manifest = await backUp(await dataOf(flags), resolve(folder));
  if (flags.json) io.printJson({ folder: resolve(folder), ...manifest });
  io.say(
    `holdfast: ${megabytes(manifest.bytes)} and ${manifest.blobs} blobs are in ${folder}, checked; it holds the keys of tokens: keep it as safe as the store`,
  );
  return EXIT.passed;
}

export async function restoreVerb(backup: string, flags: StoreFlags, io: Console): Promise<number> {
  const data = await dataOf(flags);
  const manifest = await restore(resolve(backup), data);
  if (flags.json) io.printJson({ data, ...manifest });
  io.say(
    `holdfast: ${data} is as it was at ${new Date(manifest.takenWall).toISOString()}; a coordinator that finds out that more was done since then`,
  );
  io.say('holdfast: ends with 78: start it with --accept-older to give that up');
  return EXIT.passed;
}

export async function migrateVerb(flags: StoreFlags, io: Console): Promise<number> {
  const plan = await migrateStore(await dataOf(flags), flags.dryRun ?? false);
  const pending = plan.flatMap(({ module, pending: names }) => names.map((name) => ({ module, migration: name })));
  if (flags.json) io.printJson({ dryRun: flags.dryRun ?? false, pending });
  else for (const { module, migration } of pending) io.print(`${module} ${migration}`);
  const words = pending.length === 1 ? 'migration' : 'migrations';
  io.say(`holdfast: ${pending.length} ${words} ${flags.dryRun ? 'to do; nothing was changed' : 'done'}`);
  return EXIT.passed;
}

const dataOf = async (flags: StoreFlags): Promise<string> =>
  resolve((await coordinatorSettings(flags.data === undefined ? {} : { data: flags.data })).data);
const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
