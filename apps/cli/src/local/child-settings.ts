/** What `holdfast run` tells a local worker: two lines of JSON, what it is and, as soon as that is known, whom it works for. */
import type { WorkerEndpoint, WorkerSettings } from '@holdfast/worker';

export interface ChildSettings {
  readonly worker: Omit<WorkerSettings, 'log'>;
  readonly logFile: string;
  readonly logLevel: string;
}

export type ChildEndpoint = Pick<WorkerEndpoint, 'url' | 'token'>;
