/**
 * One attempt, as the executor that runs it and the worker that answers for it speak of it.
 *
 * Events of one lease are in order: started, (log | cases | note | checkpoint | paused)*, ended; exactly one ended.
 */
import type { BlobRef } from './artifact.ts';
import type { LeaseKey } from './ids.ts';
import type { Json } from './json.ts';
import type { AttemptResult, CaseResult } from './outcome.ts';
import type { TaskBody } from './task.ts';

/** One lease to work on. */
export interface AttemptOrder extends LeaseKey {
  readonly name: string;
  readonly body: TaskBody;
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly resumeFrom?: OrderedResume & { readonly older?: OrderedResume };
}

/** A checkpoint to go on from, as it is given to an attempt. */
export interface OrderedResume {
  /** Of the attempt that saved it. */
  readonly epoch?: number;
  readonly seq: number;
  readonly data: Json;
  /** Where the rest of it is. */
  readonly blob?: BlobRef;
  /** The bytes of `blob`, once they were fetched. */
  readonly bytes?: Uint8Array;
}

/** A file that an attempt left: where it is on this machine. */
export interface LeftFile {
  /** As an artifact is called. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly size: number;
}

export type AttemptEvent =
  /** Its process works on it now. `pid` is absent for what runs inside the worker (`noop`). */
  | { readonly kind: 'started'; readonly lease: LeaseKey; readonly pid?: number }
  | { readonly kind: 'cases'; readonly lease: LeaseKey; readonly cases: readonly CaseResult[] }
  | { readonly kind: 'note'; readonly lease: LeaseKey; readonly note?: string; readonly fraction?: number }
  /** UTF-8 text, masked, at most 64 KiB. `offset`: bytes of log of this attempt before it, both streams together, dropped bytes included. */
  | { readonly kind: 'log'; readonly lease: LeaseKey; readonly offset: number; readonly stream: 'out' | 'err'; readonly text: string }
  /** Answer with `checkpointSettled` once it is committed. `seq` from 1 per attempt. */
  | {
      readonly kind: 'checkpoint';
      readonly lease: LeaseKey;
      readonly seq: number;
      readonly data: Json;
      /** What is too large for `data`; to be put before the checkpoint is told, from `bytes`. */
      readonly blob?: BlobRef;
      readonly bytes?: Uint8Array;
    }
  | { readonly kind: 'paused'; readonly lease: LeaseKey; readonly paused: boolean }
  | {
      readonly kind: 'ended';
      readonly lease: LeaseKey;
      readonly result: AttemptResult;
      /** What it left as artifacts; to be put before the end is told. Whoever takes the event removes `folder`. */
      readonly left?: { readonly folder: string; readonly files: readonly LeftFile[] };
    };
