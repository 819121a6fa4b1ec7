export { checkMachineLaws, fastCheckParameters, type MachineLaws } from './machine-laws.ts';
export { type MutatedTrace, mutateTrace } from './trace.ts';
export { createVirtualClock, type VirtualClock } from './virtual-clock.ts';
