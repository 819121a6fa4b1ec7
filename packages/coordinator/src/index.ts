export { type Endpoint, readAdminToken, readEndpoint } from './local-files.ts';
export { DEFAULT_EDGE_LIMITS, type EdgeLimits, isLoopback, type StartCoordinatorSettings } from './options.ts';
export { type RunningCoordinator, startCoordinator } from './start.ts';
