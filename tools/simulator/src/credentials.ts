/** What workers prove themselves with in the simulator: one key for all of them. */
import { nodeMac } from '@holdfast/kernel/node';
import { keysOf, type StoredKeys } from '@holdfast/protocol';
import type { Credential } from '@holdfast/reconnection-core';

export const CREDENTIAL: Credential = { key: 'workers', secret: 'a secret of the simulator' };
const KEYS = keysOf(nodeMac, CREDENTIAL.secret);

/** The keys of `CREDENTIAL`, and of no other. */
export const keysOfWorkers = (key: string): StoredKeys | undefined => (key === CREDENTIAL.key ? KEYS : undefined);
