/** What a module task is given: the whole interface between a user's module and Holdfast. */
import type { Json } from '@holdfast/model';

/** The argument of a module's default export: `export default async (ctx: TaskContext) => { ... }`. */
export interface TaskContext<Input extends Json = Json, State extends Json = Json> {
  /** `input` of the task's body; null when it has none. */
  readonly input: Input;
  readonly attempt: {
    /** `runId.n`. */
    readonly task: string;
    /** Which attempt of the task this is, from 1; numbers may be skipped. */
    readonly epoch: number;
    /** `task:epoch`: give it to whatever must refuse a writer that was replaced. */
    readonly fencingToken: string;
    /** 0-based number of the slot on this worker: tells databases and ports apart. */
    readonly slot: number;
  };
  /** Aborted when the attempt is to end: cancelled or out of time. After the grace the process is killed. */
  readonly signal: AbortSignal;
  /** The last committed checkpoint of an earlier attempt; absent on the first. */
  readonly resumeFrom?: State;
  /** Tells how far it is, 0..1, and what it does. At most ten a second are told on, the last one always. */
  progress(fraction: number, note?: string): void;
  /** Writes a line to the attempt's log. */
  log(text: string): void;
  /** Saves what a later attempt can go on from; resolves once it is durable. At most 16 MiB of JSON; rejects beyond, and when it cannot be kept. */
  checkpoint(state: State): Promise<void>;
}

/** What a module must export as default. Its return value is ignored; a throw is a failed task. */
export type TaskFunction<Input extends Json = Json, State extends Json = Json> = (context: TaskContext<Input, State>) => unknown;
