/** Machines that the tests ask about. */
import { describeMachine, type GivenDevice, type GivenMachine, layOut, type LaidMachine } from '../src/index.ts';

export const GIB = 2 ** 30;

export function laid(given: GivenMachine): LaidMachine {
  const { machine, notes } = describeMachine(given, { simulated: true });
  if (notes.length > 0) throw new Error(JSON.stringify(notes));
  return layOut(machine);
}

export const gpu = (id: string, vendor: string, gib: number): GivenDevice => ({
  kind: 'gpu',
  id,
  origin: 'detected',
  facts: { 'gpu.vendor': vendor, 'gpu.memory': gib * GIB, 'gpu.features': ['tensor_cores'], 'gpu.driver': '550.54.14' },
});

/** Asked for everything, has neither GPU nor browser. */
export const PLAIN: GivenMachine = {
  detected: { os: 'linux', arch: 'x86_64', memory: 16 * GIB, 'cpu.cores': 8, 'cpu.features': ['avx', 'avx2'] },
  declared: { 'label.rack': 'b2' },
  probed: ['gpu', 'npu', 'accelerator', 'browser'],
};
export const TWO_GPUS: GivenMachine = { ...PLAIN, devices: [gpu('a', 'nvidia', 8), gpu('b', 'amd', 24)] };
/** Nobody looked for GPUs. */
export const UNASKED: GivenMachine = { detected: { os: 'linux', memory: 16 * GIB } };
