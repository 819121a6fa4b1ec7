/** Another job queue that does the same work: tasks that do nothing, added in bulk, run by one worker process and recorded. */

export interface Peer {
  /** `bullmq_durable`: part of a figure's key. */
  readonly name: string;
  readonly server: 'redis' | 'postgres';
  /** What was set, for the report. */
  readonly settings: string;
  /** Makes an empty queue in a database that is new. */
  prepare(url: string): Promise<void>;
  /** The side that adds. */
  produce(url: string): Promise<Producer>;
  /** The side that works, in a process of its own. It takes nothing before `go`. */
  work(url: string, total: number): Promise<Work>;
}

export interface Producer {
  /** Resolves when so many more are durably there. */
  add(count: number): Promise<void>;
  close(): Promise<void>;
}

export interface Work {
  /** Begins; resolves when `total` tasks are recorded as done. */
  go(): Promise<void>;
  close(): Promise<void>;
}
