/** Processor facts from what the systems print about them. Pure: text in, facts out. */
import type { GivenFacts } from '../machine.ts';

/** Linux: `/proc/cpuinfo`, of x86 (vendor_id, flags) and of ARM (CPU implementer, Features). */
export function cpuOfCpuinfo(text: string): GivenFacts {
  const blocks = text.split(/\n\s*\n/).filter((block) => /^processor\s*:/m.test(block));
  const first = fieldsOf(blocks[0] ?? '');
  const physical = new Set(blocks.map((block) => fieldsOf(block)).flatMap((fields) => coreOf(fields) ?? []));
  const flags = new Set((first.get('flags') ?? first.get('Features') ?? '').split(/\s+/));
  const vendor = VENDOR_IDS[first.get('vendor_id') ?? ''] ?? IMPLEMENTERS[first.get('CPU implementer') ?? ''];
  return {
    ...(physical.size > 0 ? { 'cpu.cores': physical.size } : {}),
    ...(vendor === undefined ? {} : { 'cpu.vendor': vendor }),
    ...(first.has('model name') ? { 'cpu.model': first.get('model name') } : {}),
    ...(flags.size > 1 ? { 'cpu.features': featuresOf(flags), virtual: flags.has('hypervisor') } : {}),
  };
}

/** macOS: `sysctl -a` limited to `hw`, `machdep.cpu` and `kern.hv_vmm_present`. */
export function cpuOfSysctl(text: string): GivenFacts {
  const values = fieldsOf(text);
  const cores = Number(values.get('hw.physicalcpu'));
  const model = values.get('machdep.cpu.brand_string');
  const flags = new Set(
    `${values.get('machdep.cpu.features') ?? ''} ${values.get('machdep.cpu.leaf7_features') ?? ''}`.toLowerCase().split(/\s+/),
  );
  if (values.get('hw.optional.neon') === '1' || model?.startsWith('Apple')) flags.add('asimd');
  const vendor = model?.startsWith('Apple') ? 'apple' : model?.includes('Intel') ? 'intel' : undefined;
  const present = values.get('kern.hv_vmm_present');
  return {
    ...(Number.isInteger(cores) && cores > 0 ? { 'cpu.cores': cores } : {}),
    ...(model === undefined ? {} : { 'cpu.model': model }),
    ...(vendor === undefined ? {} : { 'cpu.vendor': vendor }),
    'cpu.features': featuresOf(flags),
    ...(present === undefined ? {} : { virtual: present === '1' }),
  };
}

/** Windows: `Get-CimInstance Win32_Processor | ConvertTo-Json`; one object or a list. Undefined when it is neither. */
export function cpuOfCim(text: string): GivenFacts | undefined {
  const rows = jsonRows(text);
  if (!rows || rows.length === 0) return undefined;
  const cores = rows.reduce((sum, row) => sum + Number(row['NumberOfCores'] ?? Number.NaN), 0);
  const clock = Number(rows[0]!['MaxClockSpeed']);
  const vendor = VENDOR_IDS[String(rows[0]!['Manufacturer'])];
  return {
    ...(Number.isInteger(cores) && cores > 0 ? { 'cpu.cores': cores } : {}),
    ...(Number.isFinite(clock) && clock > 0 ? { 'cpu.clock': clock * 1e6 } : {}),
    ...(vendor === undefined ? {} : { 'cpu.vendor': vendor }),
    ...(typeof rows[0]!['Name'] === 'string' ? { 'cpu.model': rows[0]!['Name'].trim() } : {}),
  };
}

/** A JSON object or list of objects as a list. */
export function jsonRows(text: string): readonly Readonly<Record<string, unknown>>[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    /* ignored: undefined says that it is no JSON. */
    return undefined;
  }
  const rows = Array.isArray(value) ? value : [value];
  return rows.every((row) => typeof row === 'object' && row !== null) ? (rows as Record<string, unknown>[]) : undefined;
}

/** `key : value` lines. */
function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  return fields;
}

const coreOf = (fields: ReadonlyMap<string, string>): string | undefined =>
  fields.has('core id') ? `${fields.get('physical id') ?? '0'}/${fields.get('core id')!}` : undefined;

function featuresOf(flags: ReadonlySet<string>): readonly string[] {
  const found = FLAGS.flatMap(([flag, feature]) => (flags.has(flag) ? [feature] : []));
  return [...new Set(found.length > 0 ? [...found, 'simd'] : found)];
}

/** As Linux, macOS (lower case) and ARM name them. */
const FLAGS: readonly (readonly [string, string])[] = [
  ['sse4_2', 'sse4_2'],
  ['sse4.2', 'sse4_2'],
  ['avx', 'avx'],
  ['avx1.0', 'avx'],
  ['avx2', 'avx2'],
  ['avx512f', 'avx512'],
  ['amx_tile', 'amx'],
  ['asimd', 'neon'],
  ['neon', 'neon'],
  ['sve', 'sve'],
  ['rtm', 'tsx'],
];
const VENDOR_IDS: Readonly<Record<string, string>> = { GenuineIntel: 'intel', AuthenticAMD: 'amd' };
/** ARM's numbers of those who make processors of its architecture. */
const IMPLEMENTERS: Readonly<Record<string, string>> = {
  '0x41': 'arm',
  '0x48': 'huawei',
  '0x4e': 'nvidia',
  '0x51': 'qualcomm',
  '0x53': 'samsung',
  '0x61': 'apple',
};
