export { checkConfig, CONFIG_SCHEMA } from './check.ts';
export { type InputOf, type Kind, parseBytes, type Shard, type ValueOf } from './kinds.ts';
export { CONFIG_EXIT_CODE, type Mistake } from './mistakes.ts';
export { editDistance, nearest } from './nearest.ts';
export { flagOf, type Origin, type Resolved, resolveSettings, type SettingsSources, variableOf } from './resolve.ts';
export {
  COORDINATOR_SETTINGS,
  type CoordinatorSettings,
  defineConfig,
  type HoldfastConfig,
  RUN_SETTINGS,
  type RunSettings,
  type SectionName,
  SECTIONS,
  type Setting,
  type SettingsInput,
  type SettingsOf,
  type SettingsSchema,
  WORKER_SETTINGS,
  type WorkerSettings,
} from './settings.ts';
