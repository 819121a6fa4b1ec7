/** What vendors' tools print, as documented and as seen on machines that have them, and what is made of it. */
import { expect, test } from 'vitest';
import { describeMachine, layOut, matches, compileRequirement, parseRequirement, type Requirement, TRUE } from '../src/index.ts';
import { probeMachine, runTool, type ToolResult } from '../src/io/probe.ts';
import { appleDevices, nvidiaDevices, pciDevices, rocmDevices, windowsDevices, xpuDevices } from '../src/probe/accelerators.ts';
import { browserOf } from '../src/probe/browsers.ts';
import { cpuOfCim, cpuOfCpuinfo, cpuOfSysctl } from '../src/probe/cpu.ts';
import { cpuLimit, memoryLimit } from '../src/probe/limits.ts';

const GIB = 2 ** 30;

test('probe: nvidia-smi with two cards, one of which hides what it may -> facts, and unknown where it says so', () => {
  const devices = nvidiaDevices(
    [
      'GPU-5a0b3d6c-1111-2222-3333-444455556666, NVIDIA A100-SXM4-40GB, 40960, 40536, 535.104.05, 8.0, 1410, 400.00, Enabled',
      'GPU-0c0ffee0-1111-2222-3333-444455556666, Tesla K80, 11441, [N/A], 470.82.01, 3.7, 875, [Not Supported], [N/A]',
      '',
    ].join('\n'),
  )!;
  expect(devices.map((device) => device.facts)).toEqual([
    {
      'gpu.class': 'gpu',
      'gpu.vendor': 'nvidia',
      'gpu.model': 'NVIDIA A100-SXM4-40GB',
      'gpu.architecture': 'gpu_cuda',
      'gpu.backends': ['cuda'],
      'gpu.memory': 40960 * 2 ** 20,
      'gpu.memory.free': 40536 * 2 ** 20,
      'gpu.driver': '535.104.05',
      'gpu.capability': '8.0',
      'gpu.clock': 1410e6,
      'gpu.power': 400_000,
      'gpu.features': ['simt', 'tensor_cores', 'multi_instance'],
    },
    expect.objectContaining({ 'gpu.model': 'Tesla K80', 'gpu.features': ['simt'], 'gpu.capability': '3.7' }),
  ]);
  expect(devices[1]!.facts).not.toHaveProperty(['gpu.memory.free']);
  expect(describeMachine({ devices }).notes).toEqual([]);
});

test('probe: nvidia-smi without a device, without sense, without a word -> none, nothing, nothing', () => {
  expect(nvidiaDevices('No devices were found\n')).toEqual([]);
  expect(nvidiaDevices('Failed to initialize NVML: Driver/library version mismatch')).toBeUndefined();
  expect(nvidiaDevices('GPU-1, a card, 1\n')).toBeUndefined();
  expect(nvidiaDevices('')).toBeUndefined();
});

test('probe: rocm-smi -> one device a card, whatever the case of its words', () => {
  const text = JSON.stringify({
    card0: {
      'Unique ID': '0x8c3f5e1d2b4a6978',
      'Card Series': 'AMD INSTINCT MI250',
      'VRAM Total Memory (B)': '68702699520',
      'VRAM Total Used Memory (B)': '10960896',
    },
    card1: { 'Card model': '0x7340', 'VRAM Total Memory (B)': 'N/A' },
    system: { 'Driver version': '6.3.6' },
  });
  const devices = rocmDevices(text)!;
  expect(devices[0]).toMatchObject({
    id: '0x8c3f5e1d2b4a6978',
    facts: { 'gpu.model': 'AMD INSTINCT MI250', 'gpu.memory': 68702699520, 'gpu.memory.free': 68691738624, 'gpu.driver': '6.3.6' },
  });
  expect(devices[1]).toEqual({
    kind: 'gpu',
    id: 'card1',
    origin: 'detected',
    facts: {
      'gpu.class': 'gpu',
      'gpu.vendor': 'amd',
      'gpu.model': '0x7340',
      'gpu.architecture': 'gpu_rocm',
      'gpu.backends': ['rocm'],
      'gpu.driver': '6.3.6',
    },
  });
  expect(rocmDevices('ERROR: no amdgpu')).toBeUndefined();
});

test('probe: macOS with its own GPU and with two others -> unified memory only for its own', () => {
  const own = {
    _name: 'Apple M3 Pro',
    sppci_model: 'Apple M3 Pro',
    spdisplays_mtlgpufamilysupport: 'spdisplays_metal3',
    sppci_cores: '18',
  };
  const other = {
    _name: 'Radeon Pro 5500M',
    sppci_model: 'AMD Radeon Pro 5500M',
    spdisplays_vram: '8 GB',
    spdisplays_vendor: 'AMD (0x1002)',
  };
  const devices = appleDevices(JSON.stringify({ SPDisplaysDataType: [own, other] }))!;
  expect(devices[0]!.facts).toMatchObject({
    'gpu.vendor': 'apple',
    'gpu.units': 18,
    'gpu.memory.unified': true,
    'gpu.backends': ['metal', 'mps'],
  });
  expect(devices[1]!.facts).toEqual({ 'gpu.class': 'gpu', 'gpu.vendor': 'amd', 'gpu.model': 'AMD Radeon Pro 5500M', 'gpu.memory': '8GiB' });
  expect(appleDevices('{}')).toBeUndefined();
});

test('probe: Windows, Intel and the bus -> makers by their numbers, displays of servers and hypervisors are no GPUs', () => {
  const controller = {
    Name: 'NVIDIA GeForce RTX 4070',
    DriverVersion: '31.0.15.4601',
    PNPDeviceID: 'PCI\\VEN_10DE&DEV_2786&SUBSYS_1',
    AdapterRAM: 4293918720,
  };
  const virtual = { Name: 'Microsoft Hyper-V Video', PNPDeviceID: 'VMBUS\\DA0A7802' };
  const found = windowsDevices(JSON.stringify([controller, virtual]))!;
  expect(found.map((device) => device.facts)).toEqual([
    { 'gpu.class': 'gpu', 'gpu.vendor': 'nvidia', 'gpu.model': 'NVIDIA GeForce RTX 4070', 'gpu.driver': '31.0.15.4601' },
  ]);
  expect(
    xpuDevices(JSON.stringify({ device_list: [{ device_type: 'GPU', uuid: 'u', device_name: 'Intel(R) Data Center GPU Flex 170' }] })),
  ).toHaveLength(1);
  const bus = [
    { address: '0000:00:02.0', class: '0x030000', vendor: '0x1af4' },
    { address: '0000:02:00.0', class: '0x030000', vendor: '0x1a03' },
    { address: '0000:65:00.0', class: '0x030200', vendor: '0x10de' },
    { address: '0000:66:00.0', class: '0x030000', vendor: '0x1002' },
    { address: '0000:00:0b.0', class: '0x120000', vendor: '0x8086' },
  ];
  expect(pciDevices(bus, []).map(({ kind, id }) => `${kind} ${id}`)).toEqual(['gpu 0000:65:00.0', 'gpu 0000:66:00.0', 'npu 0000:00:0b.0']);
  const told = nvidiaDevices('GPU-1, x, 1, 1, 1, 8.0, 1, 1, [N/A]')!;
  expect(pciDevices(bus, told).map(({ id }) => id)).toEqual(['0000:66:00.0', '0000:00:0b.0']);
});

test('probe: /proc/cpuinfo of x86 and ARM, sysctl, Win32_Processor -> cores, maker, vector units', () => {
  const thread = (n: number, core: number): string =>
    `processor\t: ${n}\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R)\nphysical id\t: 0\ncore id\t\t: ${core}\nflags\t\t: fpu sse4_2 avx avx2 avx512f hypervisor`;
  expect(cpuOfCpuinfo([thread(0, 0), thread(1, 0), thread(2, 1), thread(3, 1)].join('\n\n'))).toEqual({
    'cpu.cores': 2,
    'cpu.vendor': 'intel',
    'cpu.model': 'Intel(R) Xeon(R)',
    'cpu.features': ['sse4_2', 'avx', 'avx2', 'avx512', 'simd'],
    virtual: true,
  });
  expect(cpuOfCpuinfo('processor\t: 0\nFeatures\t: fp asimd sve\nCPU implementer\t: 0x41\n')).toEqual({
    'cpu.vendor': 'arm',
    'cpu.features': ['neon', 'sve', 'simd'],
    virtual: false,
  });
  expect(cpuOfCpuinfo('')).toEqual({});
  expect(
    cpuOfSysctl('hw.physicalcpu: 12\nmachdep.cpu.brand_string: Apple M3 Pro\nhw.optional.neon: 1\nkern.hv_vmm_present: 0\n'),
  ).toMatchObject({
    'cpu.cores': 12,
    'cpu.vendor': 'apple',
    'cpu.features': ['neon', 'simd'],
    virtual: false,
  });
  expect(cpuOfCim('{"Name":"AMD Ryzen 7 ","NumberOfCores":8,"MaxClockSpeed":3801,"Manufacturer":"AuthenticAMD"}')).toEqual({
    'cpu.cores': 8,
    'cpu.clock': 3.801e9,
    'cpu.vendor': 'amd',
    'cpu.model': 'AMD Ryzen 7',
  });
  expect(cpuOfCim('not json')).toBeUndefined();
});

test('probe: cgroups of both versions -> a limit, or none', () => {
  expect([memoryLimit('max\n'), memoryLimit('9223372036854771712\n'), memoryLimit(`${GIB}\n`)]).toEqual([undefined, undefined, GIB]);
  expect([cpuLimit('max 100000'), cpuLimit('250000 100000'), cpuLimit('50000 100000'), cpuLimit('-1 100000'), cpuLimit('')]).toEqual([
    undefined,
    2,
    1,
    undefined,
    undefined,
  ]);
});

test('probe: what browsers print -> name and version, nothing of other programs', () => {
  expect(browserOf('/usr/bin/chromium', 'Chromium 156.0.8078.73 built on Debian\n')!.facts).toEqual({
    'browser.name': 'chromium',
    'browser.version': '156.0.8078.73',
    'browser.headless': true,
  });
  expect(browserOf('firefox', 'Mozilla Firefox 140.4.0esr')!.facts).toMatchObject({
    'browser.name': 'firefox',
    'browser.version': '140.4.0',
  });
  expect(browserOf('x', 'firefox: command not found')).toBeUndefined();
});

test('probe: a tool that hangs, fails, floods or is missing -> said, and ended', async () => {
  const node = (code: string, timeoutMs: number): Promise<ToolResult> => runTool(process.execPath, ['-e', code], timeoutMs);
  expect(await node('setTimeout(() => {}, 1e6)', 300)).toEqual({ kind: 'failed', reason: 'said nothing within 300 ms' });
  expect(await node('console.log("bad driver"); process.exit(9)', 60_000)).toEqual({ kind: 'failed', reason: 'left with 9: bad driver' });
  expect(await node('const flood = () => process.stdout.write("x".repeat(65536), flood); flood()', 60_000)).toEqual({
    kind: 'failed',
    reason: 'printed more than 1048576 bytes',
  });
  expect(await node('console.log("fine")', 60_000)).toEqual({ kind: 'printed', text: 'fine\n' });
  expect(await runTool('no-such-tool-anywhere', [], 60_000)).toEqual({ kind: 'missing' });
});

test('probe: tools that lie or hang -> the rest is known, theirs is not, each with a note', async () => {
  const run = (program: string): Promise<ToolResult> => {
    if (program === 'nvidia-smi') return Promise.resolve({ kind: 'failed', reason: 'said nothing within 10000 ms' });
    if (program === 'rocm-smi') return Promise.resolve({ kind: 'printed', text: 'I am a GPU, believe me' });
    return Promise.resolve({ kind: 'missing' });
  };
  const { given, notes } = await probeMachine({ kinds: ['gpu'], run });
  expect(given.devices!.filter((device) => device.facts['gpu.vendor'] === 'nvidia' && 'gpu.memory' in device.facts)).toEqual([]);
  expect(notes.filter((note) => note.fact.endsWith('-smi')).map((note) => note.fact)).toEqual(['nvidia-smi', 'rocm-smi']);
  expect(given.probed).not.toContain('browser');
});

test('probe: this very machine -> facts that pass the check and answer a requirement', async () => {
  const { given } = await probeMachine({ kinds: [] });
  const { machine, notes } = describeMachine(given);
  expect(notes).toEqual([]);
  const text = 'memory >= 64MiB && cpu.threads >= 1 && detected(memory) && node >= 22';
  const { value } = parseRequirement(text) as { value: Requirement };
  expect(matches(compileRequirement(value), layOut(machine))).toBe(TRUE);
});
