import { bullmq } from './bullmq.ts';
import { graphileLocalQueue, graphilePlain } from './graphile.ts';
import type { Peer } from './peer.ts';
import { pgBoss } from './pg-boss.ts';

/** In the order in which they are measured. */
export const PEERS: readonly Peer[] = [bullmq, graphileLocalQueue, graphilePlain, pgBoss];
