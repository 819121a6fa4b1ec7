/**
 * Asks the machine what it is. Never guesses from words: a device is there because its driver's tool or the kernel says so, a browser
 * because it told its own version. What could not be asked stays unknown, with a note that says why.
 */
import { readdir, readFile, statfs } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import type { DeviceKind } from '../fact-schema.ts';
import type { FactNote, GivenDevice, GivenFacts, GivenMachine } from '../machine.ts';
import {
  appleDevices,
  NVIDIA_FIELDS,
  nvidiaDevices,
  pciDevices,
  type PciDevice,
  rocmDevices,
  windowsDevices,
  xpuDevices,
} from '../probe/accelerators.ts';
import { BROWSER_PROGRAMS, browserOf } from '../probe/browsers.ts';
import { cpuOfCim, cpuOfCpuinfo, cpuOfSysctl } from '../probe/cpu.ts';
import { cpuLimit, memoryLimit } from '../probe/limits.ts';
import { runTool, type ToolResult } from './run-tool.ts';

export { runTool, type ToolResult } from './run-tool.ts';

export interface ProbeOptions {
  /** What to ask for beside processor, memory and system. Default: everything. */
  readonly kinds?: readonly ('gpu' | 'npu' | 'browser')[];
  /** For each tool, in milliseconds. Default 10,000; all tools run at once. */
  readonly timeoutMs?: number;
  /** Folder whose file system's free space is `disk`. Default: the working folder. */
  readonly folder?: string;
  /** Runs a tool. Default: `runTool`. */
  readonly run?: (program: string, args: readonly string[], timeoutMs: number) => Promise<ToolResult>;
}

/** Probes this machine. Never rejects; takes as long as the slowest tool, at most `timeoutMs`. */
export async function probeMachine(
  options: ProbeOptions = {},
): Promise<{ readonly given: GivenMachine; readonly notes: readonly FactNote[] }> {
  const kinds = options.kinds ?? ['gpu', 'npu', 'browser'];
  const notes: FactNote[] = [];
  const ask: Ask = async (program, args, read) => {
    const result = await (options.run ?? runTool)(program, args, options.timeoutMs ?? TIMEOUT_MS);
    if (result.kind === 'missing') return undefined;
    const value = result.kind === 'printed' ? read(result.text) : undefined;
    if (value === undefined)
      notes.push({ fact: program, message: result.kind === 'failed' ? result.reason : 'printed what it never prints; passed over' });
    return value;
  };
  const [host, accelerators, browsers] = await Promise.all([
    probeHost(ask, options.folder ?? process.cwd()),
    kinds.includes('gpu') || kinds.includes('npu') ? probeAccelerators(ask) : undefined,
    kinds.includes('browser') ? probeBrowsers(ask) : undefined,
  ]);
  const devices = [...(accelerators?.devices ?? []), ...(browsers ?? [])].filter((device) =>
    (kinds as readonly string[]).includes(device.kind),
  );
  const probed: DeviceKind[] = kinds.filter((kind) => kind === 'browser' || (accelerators?.complete.has(kind) ?? false));
  if (probed.includes('gpu') && probed.includes('npu')) probed.push('accelerator');
  return { given: { detected: host, devices, probed }, notes: notes.sort((a, b) => (a.fact < b.fact ? -1 : 1)) };
}

type Ask = <Value>(program: string, args: readonly string[], read: (text: string) => Value | undefined) => Promise<Value | undefined>;

async function probeHost(ask: Ask, folder: string): Promise<GivenFacts> {
  const cgroup = await cgroupLimits();
  const threads = Math.min(availableParallelism(), cgroup.cpus ?? Infinity);
  const clock = Math.max(...cpus().map((cpu) => cpu.speed), 0);
  const cpu = (await probeCpu(ask)) ?? {};
  const cores = typeof cpu['cpu.cores'] === 'number' ? { 'cpu.cores': Math.min(cpu['cpu.cores'], threads) } : {};
  const disk = await freeBytes(folder);
  return {
    os: process.platform === 'linux' || process.platform === 'darwin' || process.platform === 'win32' ? process.platform : 'other',
    'os.release': release(),
    ...(ARCHITECTURE_OF[process.arch] === undefined ? {} : { arch: ARCHITECTURE_OF[process.arch] }),
    ...(process.platform === 'linux' ? { container: await containerOf() } : {}),
    memory: Math.min(totalmem(), cgroup.memory ?? Infinity),
    ...(disk === undefined ? {} : { disk }),
    'cpu.threads': threads,
    ...(clock > 0 ? { 'cpu.clock': clock * 1e6 } : {}),
    node: process.versions.node,
    ...cpu,
    ...cores,
  };
}

async function probeCpu(ask: Ask): Promise<GivenFacts | undefined> {
  if (process.platform === 'darwin') return ask('sysctl', ['hw', 'machdep.cpu', 'kern.hv_vmm_present'], cpuOfSysctl);
  if (process.platform === 'win32') return ask('powershell', powershell('Win32_Processor'), cpuOfCim);
  const text = await fileText('/proc/cpuinfo');
  return text === undefined ? undefined : cpuOfCpuinfo(text);
}

/** `complete`: the kinds of which all there are were found, so that none means none. */
async function probeAccelerators(
  ask: Ask,
): Promise<{ readonly devices: readonly GivenDevice[]; readonly complete: ReadonlySet<DeviceKind> }> {
  if (process.platform === 'darwin') {
    const devices = await ask('system_profiler', ['SPDisplaysDataType', '-json'], appleDevices);
    return { devices: devices ?? [], complete: new Set(devices ? ['gpu'] : []) };
  }
  const [nvidia, rocm, xpu, windows, pci] = await Promise.all([
    ask('nvidia-smi', [`--query-gpu=${NVIDIA_FIELDS.join(',')}`, '--format=csv,noheader,nounits'], nvidiaDevices),
    ask('rocm-smi', ['--showproductname', '--showuniqueid', '--showmeminfo', 'vram', '--showdriverversion', '--json'], rocmDevices),
    ask('xpu-smi', ['discovery', '-j'], xpuDevices),
    process.platform === 'win32' ? ask('powershell', powershell('Win32_VideoController'), windowsDevices) : undefined,
    process.platform === 'linux' ? linuxPciDevices() : undefined,
  ]);
  const told = [...(nvidia ?? []), ...(rocm ?? []), ...(xpu ?? [])];
  const vendors = new Set(told.map((device) => device.facts['gpu.vendor']));
  const others = (windows ?? []).filter((device) => !vendors.has(device.facts['gpu.vendor']));
  // A container may hide the bus: then only what tools told is known, and not that there is no more.
  const complete = new Set<DeviceKind>(pci ? ['gpu', 'npu'] : windows ? ['gpu'] : []);
  return { devices: [...told, ...others, ...(pci ? pciDevices(pci, told) : [])], complete };
}

async function probeBrowsers(ask: Ask): Promise<readonly GivenDevice[]> {
  const programs = BROWSER_PROGRAMS[process.platform] ?? [];
  const found = await Promise.all(
    programs
      .filter((program) => !program.startsWith('/') || existsSync(program))
      .map((program) => ask(program, ['--version'], (text) => browserOf(program, text))),
  );
  // Several names may lead to one program.
  const byVersion = new Map<string, GivenDevice>();
  for (const device of found) {
    const key = device && `${String(device.facts['browser.name'])} ${String(device.facts['browser.version'])}`;
    if (device && key && !byVersion.has(key)) byVersion.set(key, device);
  }
  return [...byVersion.values()];
}

async function linuxPciDevices(): Promise<readonly PciDevice[] | undefined> {
  const root = '/sys/bus/pci/devices';
  const addresses = await readdir(root).catch(() => undefined);
  if (!addresses) return undefined;
  return Promise.all(
    addresses.sort().map(async (address) => ({
      address,
      class: (await fileText(`${root}/${address}/class`))?.trim() ?? '',
      vendor: (await fileText(`${root}/${address}/vendor`))?.trim() ?? '',
    })),
  );
}

/** The limits of the cgroup this process is in: version 2, else version 1. */
async function cgroupLimits(): Promise<{ readonly memory?: number; readonly cpus?: number }> {
  if (process.platform !== 'linux') return {};
  const path = /^0::(\/.*)$/m.exec((await fileText('/proc/self/cgroup')) ?? '')?.[1];
  // Inside a container the cgroup's own root is mounted there.
  const folders = [path, ''].flatMap((own) => (own === undefined ? [] : [`/sys/fs/cgroup${own === '/' ? '' : own}`]));
  for (const folder of folders) {
    const [memory, cpu] = [await fileText(`${folder}/memory.max`), await fileText(`${folder}/cpu.max`)];
    if (memory === undefined && cpu === undefined) continue;
    return limits(memoryLimit(memory ?? ''), cpuLimit(cpu ?? ''));
  }
  const quota = await fileText('/sys/fs/cgroup/cpu/cpu.cfs_quota_us');
  const period = await fileText('/sys/fs/cgroup/cpu/cpu.cfs_period_us');
  const memory = await fileText('/sys/fs/cgroup/memory/memory.limit_in_bytes');
  return limits(memoryLimit(memory ?? ''), cpuLimit(`${quota ?? ''} ${period ?? ''}`));
}

const limits = (memory: number | undefined, processors: number | undefined): { memory?: number; cpus?: number } => ({
  ...(memory === undefined ? {} : { memory }),
  ...(processors === undefined ? {} : { cpus: processors }),
});

async function containerOf(): Promise<string> {
  if (process.env['KUBERNETES_SERVICE_HOST'] !== undefined) return 'kubernetes';
  if (existsSync('/.dockerenv')) return 'docker';
  if (existsSync('/run/.containerenv')) return 'podman';
  const cgroup = (await fileText('/proc/1/cgroup')) ?? '';
  return /\blxc\b/.test(cgroup) ? 'lxc' : 'none';
}

async function freeBytes(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    /* ignored: an unknown fact, as the folder may not be there yet. */
    return undefined;
  }
}

/** A system file's text; undefined where there is none to read. */
const fileText = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);
const powershell = (name: string): readonly string[] => [
  '-NoProfile',
  '-NonInteractive',
  '-Command',
  `Get-CimInstance ${name} | ConvertTo-Json -Compress`,
];
const ARCHITECTURE_OF: Readonly<Record<string, string>> = {
  x64: 'x86_64',
  ia32: 'x86',
  arm64: 'arm64',
  arm: 'arm',
  ppc64: 'ppc64',
  riscv64: 'riscv',
};
const TIMEOUT_MS = 10_000;
