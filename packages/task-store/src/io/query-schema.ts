/** The tables as Kysely sees them: `schema.ts` in types. Booleans are 0 or 1, JSON is text. */
import type { RunCounts } from '@holdfast/model';
import type { EventRecord, TaskRecord } from '../tables.ts';

export interface TaskSchema {
  classes: { class: number; name: string };
  runs: RunCounts & {
    run: number;
    id: string;
    name: string;
    principal: string;
    key: string | null;
    keyHash: string | null;
    class: number;
    state: string;
    sealed: number;
    version: number;
    created: number;
    ended: number | null;
  };
  run_specs: { run: number; spec: string; client: string };
  workers: {
    worker: number;
    id: string;
    principal: string;
    incarnation: string;
    former: string;
    sessionEpoch: number;
    coordinator: string;
    name: string;
    registration: string;
    seen: number;
  };
  tasks: Omit<TaskRecord, 'ready' | 'state' | 'onDisconnect'> & { ready: number; state: string; onDisconnect: string };
  descriptions: { run: number; n: number; name: string; predictedMs: number; body: string; policy: string };
  dependencies: { run: number; n: number; dependent: number };
  attempts: {
    run: number;
    n: number;
    epoch: number;
    worker: number;
    incarnation: string;
    state: string;
    hedge: number;
    granted: number;
    started: number | null;
    ended: number | null;
    reason: string | null;
    result: string | null;
  };
  events: Omit<EventRecord, 'kind'> & { kind: string };
}
