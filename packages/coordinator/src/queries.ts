/** What the HTTP API reads, as its port: committed rows as plain data. The reader thread of the store answers. */
import type { ArtifactPage, ResultPage, RunDetail, RunView, TaskDetail, TaskView } from '@holdfast/client';
import type { RunId, TaskState } from '@holdfast/model';
import type { RunEvent } from '@holdfast/results';

export interface Queries {
  run(id: RunId): Promise<RunDetail | undefined>;
  /** Newest first; `before`: created before that run. */
  runs(limit: number, before?: RunId): Promise<readonly RunView[]>;
  /** By number, above `after`. */
  tasks(id: RunId, after: number, limit: number, state?: TaskState): Promise<readonly TaskView[]>;
  task(id: RunId, n: number): Promise<TaskDetail | undefined>;
  /** What was recorded behind `after`, a number of the store's event log. */
  results(id: RunId, after: number, limit: number): Promise<ResultPage>;
  /** What the tasks of a run left, by task and attempt, of tasks above `after`. `limit` attempts at most. */
  artifacts(id: RunId, after: number, limit: number): Promise<ArtifactPage>;
  /** `task` events of what is leased, running or paused now, by number; at most 4,096. */
  running(id: RunId): Promise<readonly RunEvent[]>;
}
