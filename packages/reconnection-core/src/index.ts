export { BACKOFF, backoffDelay, type BackoffOptions } from './backoff.ts';
export { createClientSession } from './client-machine.ts';
export type { ClientEffect, ClientInput, ClientOptions, ClientPorts, ClientSession, ClientSnapshot, Credential } from './client-session.ts';
export {
  createGate,
  type Gate,
  type GateEffect,
  type GateInput,
  type GateOptions,
  type GatePorts,
  type GateSnapshot,
  type GateStateKind,
} from './gate.ts';
export { type Lane, LANES } from './lane.ts';
export { SESSION_LIMITS, type SessionLimits } from './limits.ts';
export type { Packer } from './packer.ts';
export { createServerSession } from './server-machine.ts';
export type { EndedSession, ServerEffect, ServerInput, ServerOptions, ServerSession, ServerSnapshot } from './server-session.ts';
export { type ConnectionSnapshot, ConnectionStats, type Distribution } from './connection-stats.ts';
export { createFailover, type Failover } from './failover.ts';
export { NETWORK_LIMITS, NETWORK_RETRIES, type NetworkLimit } from './network-limits.ts';
export { createMemoryDisk, type MemoryDisk } from './memory-disk.ts';
export { type Checksum, createSpool, type Spool, type SpoolDisk, type SpoolOptions, type SpoolStatus } from './spool.ts';
export { type Cell, diagram } from './cell.ts';
export { GATE_TABLE, type GateColumn } from './gate-table.ts';
export { createSlots, type Slots } from './slots.ts';
export { CLIENT_TABLE, type ClientColumn, type ClientStateKind, SERVER_TABLE, type ServerColumn, type ServerStateKind } from './table.ts';
