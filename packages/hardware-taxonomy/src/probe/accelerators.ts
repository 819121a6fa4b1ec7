/** Accelerators from what their own tools print. Pure: text in, devices out, undefined where the text is not what the tool prints. */
import type { GivenDevice, GivenFacts } from '../machine.ts';
import { jsonRows } from './cpu.ts';

/** What `nvidia-smi --query-gpu=` is asked for, in this order. */
export const NVIDIA_FIELDS = [
  'uuid',
  'name',
  'memory.total',
  'memory.free',
  'driver_version',
  'compute_cap',
  'clocks.max.sm',
  'power.limit',
  'mig.mode.current',
] as const;

/** `nvidia-smi --query-gpu=... --format=csv,noheader,nounits`: memory in MiB, clock in MHz, power in W; `[N/A]` where it does not know. */
export function nvidiaDevices(text: string): readonly GivenDevice[] | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length === 0 || lines.some((line) => line === 'No devices were found')) return lines.length === 0 ? undefined : [];
  const devices: GivenDevice[] = [];
  for (const line of lines) {
    const cells = line.split(',').map((cell) => cell.trim());
    const [uuid, name, total, free, driver, capability, clock, power, mig] = cells;
    if (cells.length !== NVIDIA_FIELDS.length || !uuid?.startsWith('GPU-')) return undefined;
    const tensor = Number.parseInt(capability ?? '', 10) >= 7;
    devices.push(
      gpu(uuid, {
        'gpu.vendor': 'nvidia',
        'gpu.model': name,
        'gpu.architecture': 'gpu_cuda',
        'gpu.backends': ['cuda'],
        'gpu.memory': scaled(total, 2 ** 20),
        'gpu.memory.free': scaled(free, 2 ** 20),
        'gpu.driver': stated(driver),
        'gpu.capability': stated(capability),
        'gpu.clock': scaled(clock, 1e6),
        'gpu.power': scaled(power, 1e3),
        // Tensor cores came with compute capability 7.0.
        'gpu.features': ['simt', ...(tensor ? ['tensor_cores'] : []), ...(mig === 'Enabled' ? ['multi_instance'] : [])],
      }),
    );
  }
  return devices;
}

/** `rocm-smi --showproductname --showuniqueid --showmeminfo vram --showdriverversion --json`: one object a card, bytes as text. */
export function rocmDevices(text: string): readonly GivenDevice[] | undefined {
  const root = jsonRows(text)?.[0] as Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined;
  if (!root) return undefined;
  const driver = valueOf(root['system'], 'Driver version');
  return Object.keys(root)
    .filter((name) => /^card\d+$/.test(name))
    .sort()
    .map((name) => {
      const card = root[name];
      const total = Number(valueOf(card, 'VRAM Total Memory (B)'));
      const used = Number(valueOf(card, 'VRAM Total Used Memory (B)'));
      return gpu(valueOf(card, 'Unique ID') ?? name, {
        'gpu.vendor': 'amd',
        'gpu.model': valueOf(card, 'Card series') ?? valueOf(card, 'Card model'),
        'gpu.architecture': 'gpu_rocm',
        'gpu.backends': ['rocm'],
        'gpu.memory': positive(total),
        'gpu.memory.free': Number.isFinite(total - used) ? Math.max(0, total - used) : undefined,
        'gpu.driver': driver,
      });
    });
}

/** `xpu-smi discovery -j`: Intel's data centre and Arc devices. */
export function xpuDevices(text: string): readonly GivenDevice[] | undefined {
  const list = jsonRows(text)?.[0]?.['device_list'];
  if (!Array.isArray(list)) return undefined;
  return (list as Readonly<Record<string, unknown>>[])
    .filter((row) => row['device_type'] === 'GPU')
    .map((row) =>
      gpu(String(row['uuid'] ?? row['device_id']), {
        'gpu.vendor': 'intel',
        'gpu.model': row['device_name'],
        'gpu.backends': ['openvino'],
      }),
    );
}

/** macOS: `system_profiler SPDisplaysDataType -json`. Apple's own GPUs share the machine's memory. */
export function appleDevices(text: string): readonly GivenDevice[] | undefined {
  const list = jsonRows(text)?.[0]?.['SPDisplaysDataType'];
  if (!Array.isArray(list)) return undefined;
  return (list as Readonly<Record<string, unknown>>[]).map((row, index) => {
    const model = String(row['sppci_model'] ?? row['_name'] ?? '');
    const apple = model.startsWith('Apple') || row['spdisplays_vendor'] === 'sppci_vendor_Apple';
    const vendor = apple
      ? 'apple'
      : /amd|radeon|ati/i.test(String(row['spdisplays_vendor'] ?? model))
        ? 'amd'
        : /intel/i.test(String(row['spdisplays_vendor'] ?? model))
          ? 'intel'
          : undefined;
    const metal = row['spdisplays_mtlgpufamilysupport'] !== undefined || row['spdisplays_metal'] !== undefined;
    return gpu(`${index}:${model}`, {
      'gpu.vendor': vendor,
      'gpu.model': model,
      'gpu.architecture': metal ? 'gpu_metal' : undefined,
      'gpu.backends': metal ? ['metal', ...(apple ? ['mps'] : [])] : undefined,
      'gpu.units': positive(Number(row['sppci_cores'])),
      'gpu.memory':
        typeof row['spdisplays_vram'] === 'string' ? row['spdisplays_vram'].replace(' GB', 'GiB').replace(' MB', 'MiB') : undefined,
      'gpu.memory.unified': apple ? true : undefined,
    });
  });
}

/** Windows: `Get-CimInstance Win32_VideoController | ConvertTo-Json`. Its `AdapterRAM` ends at 4 GiB, so the memory is not taken from it. */
export function windowsDevices(text: string): readonly GivenDevice[] | undefined {
  const rows = jsonRows(text);
  return rows?.flatMap((row) => {
    const vendor = PCI_VENDORS[/VEN_([0-9A-F]{4})/i.exec(String(row['PNPDeviceID']))?.[1]?.toLowerCase() ?? ''];
    if (vendor === undefined) return [];
    return [gpu(String(row['PNPDeviceID']), { 'gpu.vendor': vendor, 'gpu.model': row['Name'], 'gpu.driver': row['DriverVersion'] })];
  });
}

/** One device of Linux' `/sys/bus/pci/devices`: class and vendor as the files say. Display adapters without a GPU's maker (BMC, virtual) are none. */
export interface PciDevice {
  readonly address: string;
  readonly class: string;
  readonly vendor: string;
}

/** GPUs and NPUs that no tool of their own has told of: known to be there, and by whom, and nothing more. */
export function pciDevices(devices: readonly PciDevice[], known: readonly GivenDevice[]): readonly GivenDevice[] {
  const told = new Set(known.map((device) => device.facts['gpu.vendor']));
  return devices.flatMap(({ address, class: code, vendor: id }) => {
    const vendor = PCI_VENDORS[id.replace(/^0x/, '').toLowerCase()];
    if (vendor === undefined) return [];
    // 0x03: display controllers; 0x12: processing accelerators.
    if (code.startsWith('0x03') && !told.has(vendor)) return [gpu(address, { 'gpu.vendor': vendor })];
    if (code.startsWith('0x12'))
      return [{ kind: 'npu' as const, id: address, origin: 'detected' as const, facts: { 'npu.vendor': vendor } }];
    return [];
  });
}

function gpu(id: string, facts: GivenFacts): GivenDevice {
  const known = Object.fromEntries(Object.entries({ 'gpu.class': 'gpu', ...facts }).filter(([, value]) => value !== undefined));
  return { kind: 'gpu', id, origin: 'detected', facts: known };
}

/** Versions of one tool differ in upper and lower case. */
function valueOf(row: Readonly<Record<string, unknown>> | undefined, name: string): string | undefined {
  const key = Object.keys(row ?? {}).find((known) => known.toLowerCase() === name.toLowerCase());
  const value = key === undefined ? undefined : row![key];
  return typeof value === 'string' && value !== 'N/A' ? value : typeof value === 'number' ? String(value) : undefined;
}

const stated = (cell: string | undefined): string | undefined =>
  cell === undefined || /^\[.*\]$/.test(cell) || cell === 'N/A' ? undefined : cell;
const positive = (value: number): number | undefined => (Number.isFinite(value) && value > 0 ? value : undefined);
const scaled = (cell: string | undefined, factor: number): number | undefined => {
  const text = stated(cell);
  return text === undefined ? undefined : positive(Math.round(Number(text) * factor));
};
const PCI_VENDORS: Readonly<Record<string, string>> = {
  '10de': 'nvidia',
  '1002': 'amd',
  '1022': 'amd',
  '8086': 'intel',
  '17cb': 'qualcomm',
};
