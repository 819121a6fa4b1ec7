export { assert, unreachable } from './assert.ts';
export { createDeadlines, type Deadlines } from './deadlines.ts';
export { drive, type DrivePorts, type Driver } from './drive.ts';
export { CodedError, type CodedErrorOptions, errorText, hasCode } from './error.ts';
export type { Machine } from './machine.ts';
export type { Clock, Entropy, Mac, Timers } from './ports.ts';
export { createRandom, hash32, type Random } from './random.ts';
export { bad, ok, type Result } from './result.ts';
export { createStory, type Story, type StoryEntry } from './story.ts';
export {
  after,
  type DurationMs,
  durationMs,
  elapsed,
  formatDuration,
  type MonoMs,
  monoMs,
  parseDuration,
  type WallMs,
  wallMs,
} from './units.ts';
