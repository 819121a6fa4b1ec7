/** What `holdfast run` tells a local worker. */
import type { StartWorkerSettings } from '@holdfast/worker';

export interface ChildSettings {
  readonly worker: Omit<StartWorkerSettings, 'log'>;
  readonly logFile: string;
  readonly logLevel: string;
}
