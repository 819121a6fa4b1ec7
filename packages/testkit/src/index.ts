export { checkMachineLaws, fastCheckParameters, type MachineLaws } from './machine-laws.ts';
export { CONSTANT_DIGEST, constantMac, seededEntropy } from './proof-ports.ts';
export { type MutatedTrace, mutateTrace } from './trace.ts';
export { createVirtualClock, type VirtualClock } from './virtual-clock.ts';
