export type { Command, ProjectFacts, Recognised, TestAdapter } from './adapter.ts';
export type { HostEvent, HostRequest } from './host-protocol.ts';
