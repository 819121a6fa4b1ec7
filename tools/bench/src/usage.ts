/** What another process uses, as the Linux kernel counts it. */
import { readFileSync } from 'node:fs';

export interface Usage {
  /** Resident memory in millions of bytes. */
  readonly rssMb: number;
  /** The most it ever had. */
  readonly rssPeakMb: number;
  /** User and system time of all its threads, in microseconds. A multiple of 10,000. */
  readonly cpuUs: number;
}

/** Undefined where there is no /proc. */
export function usageOf(pid: number): Usage | undefined {
  if (process.platform !== 'linux') return undefined;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Fields are counted behind the name, which may hold spaces: state is the third of the whole.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    rssMb: kilobytes(status, 'VmRSS'),
    rssPeakMb: kilobytes(status, 'VmHWM'),
    cpuUs: (Number(fields[11]) + Number(fields[12])) * US_PER_TICK,
  };
}

const kilobytes = (status: string, name: string): number =>
  (Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024) / 1e6;

/** USER_HZ is 100 on every Linux architecture that Node runs on. */
const US_PER_TICK = 10_000;
