export { type BackupManifest, backUp, migrateStore, restore } from './backup.ts';
export { type Endpoint, readAdminToken, readEndpoint } from './local-files.ts';
export { DEFAULT_EDGE_LIMITS, type EdgeLimits, isLoopback, type StartCoordinatorSettings } from './options.ts';
export type { Retention } from './retention.ts';
export { type RunningCoordinator, startCoordinator } from './start.ts';
