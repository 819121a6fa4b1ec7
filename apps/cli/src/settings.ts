/** Settings of a verb: flag, environment, file, default, in this order. */
import {
  COORDINATOR_SETTINGS,
  type CoordinatorSettings,
  type Resolved,
  resolveSettings,
  RUN_SETTINGS,
  type RunSettings,
  type SettingsSchema,
  WORKER_SETTINGS,
  type WorkerSettings,
} from '@holdfast/config';
import { loadConfig } from '@holdfast/config/load';

export interface SettingFlags {
  readonly config?: string;
  readonly [flag: string]: unknown;
}

/** Errors: `CONFIG_INVALID`, `CONFIG_UNREADABLE` (16), for flags, too. */
export const runSettings = (flags: SettingFlags): Promise<RunSettings> => settingsOf('run', RUN_SETTINGS, flags) as Promise<RunSettings>;
export const coordinatorSettings = (flags: SettingFlags): Promise<CoordinatorSettings> =>
  settingsOf('coordinator', COORDINATOR_SETTINGS, flags) as Promise<CoordinatorSettings>;
export const workerSettings = (flags: SettingFlags): Promise<WorkerSettings> =>
  settingsOf('worker', WORKER_SETTINGS, flags) as Promise<WorkerSettings>;

async function settingsOf(
  section: 'run' | 'coordinator' | 'worker',
  schema: Parameters<typeof resolveSettings>[0],
  flags: SettingFlags,
): Promise<unknown> {
  const { config: path, ...given } = flags;
  const { config, path: found } = await loadConfig({ cwd: process.cwd(), ...(path === undefined ? {} : { file: path }) });
  const resolved = resolveSettings(schema, { flags: given, env: process.env, file: config[section] as never, filePath: found });
  if (!resolved.ok) throw resolved.problem;
  return withoutWeakerToken(resolved.value);
}

/** A token file that was typed outranks a token in the environment, and so on. */
function withoutWeakerToken({ values, origins }: Resolved<SettingsSchema>): unknown {
  const strength = (key: string): number => STRENGTH.indexOf(origins[key]?.source ?? 'default');
  return strength('tokenFile') > strength('token') ? { ...values, token: undefined } : values;
}

const STRENGTH = ['default', 'file', 'environment', 'flag'] as const;
