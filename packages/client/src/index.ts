export { type Client, type ClientOptions, createClient, type LogOptions, type Page } from './client.ts';
export type {
  ArtifactPage,
  ArtifactView,
  AttemptView,
  LogChunk,
  MintedToken,
  ResultPage,
  RunDetail,
  RunView,
  StreamLine,
  SubmitRun,
  TaskDetail,
  TaskEventView,
  TaskInput,
  TaskView,
  TokenView,
} from './shapes.ts';
export type { WatchNotice, WatchOptions } from './watch.ts';
