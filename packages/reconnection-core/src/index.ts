export type { ClientEffect, ClientInput, ClientSession, ClientSnapshot, Lane } from './client-session.ts';
export type { ServerEffect, ServerInput, ServerSession, ServerSnapshot } from './server-session.ts';
