/** What the executor and the process of a module task say to each other: JSON lines, to it on descriptor 3, from it on 4. */
import type { Json } from '@holdfast/model';
import type { TaskContext } from './task-context.ts';

export type ModuleRequest =
  | {
      readonly t: 'open';
      /** A `file:` URL, or a package's name. */
      readonly specifier: string;
      /** `file:` URL of the run's folder, with a slash at the end: packages are resolved from it. */
      readonly parent: string;
      /** Absolute, resolved: what is loaded must lie inside one of them. */
      readonly folders: readonly string[];
      readonly input: Json;
      readonly attempt: TaskContext['attempt'];
      readonly resumeFrom?: Json;
    }
  /** `problem`: why it is not kept. */
  | { readonly t: 'settled'; readonly seq: number; readonly problem?: string };

export type ModuleEvent =
  | { readonly t: 'progress'; readonly fraction: number; readonly note?: string }
  /** `text`: the state as JSON, packed as a string, so that its shape meets no limit here. */
  | { readonly t: 'checkpoint'; readonly seq: number; readonly text: string }
  /** `how`: where it went wrong. */
  | { readonly t: 'end'; readonly how: 'returned' }
  | { readonly t: 'end'; readonly how: 'denied' | 'load' | 'thrown'; readonly message: string; readonly stack?: string };
