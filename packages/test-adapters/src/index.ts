export type { Command, ProjectFacts, Recognised, TestAdapter } from './adapter.ts';
export { type ListedCommand, readCommandList } from './command-list.ts';
export { type Resolved, resolveCommand } from './command.ts';
export type { HostEvent, HostRequest } from './host-protocol.ts';
export { nodeTestAdapter } from './node-test-adapter.ts';
export { perFileCommand } from './per-file.ts';
export { ADAPTERS, recogniseCommand } from './recognise.ts';
export { vitestAdapter } from './vitest-adapter.ts';
export { joinWords, splitWords, type Words } from './words.ts';
