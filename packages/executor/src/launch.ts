/**
 * The command line that starts a program under the worker's limits, without a shell ever reading an argument.
 *
 * Linux with util-linux: `prlimit`. Elsewhere on POSIX: `sh -c 'ulimit ...; exec "$@"'`, the program and its arguments being
 * positional parameters. Windows: limits are not available.
 */
import { existsSync } from 'node:fs';
import type { WorkerPolicy } from './executor.ts';

export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  /** The name under which the program sees itself, if not `file`. */
  readonly argv0?: string;
}

export type Limits = Pick<WorkerPolicy, 'memoryMax' | 'descriptorsMax'>;

/** Wraps a program, given by its absolute path, in the limits that are set. */
export function launchWithin(limits: Limits, program: string, args: readonly string[], argv0?: string): Launch {
  const { memoryMax, descriptorsMax } = limits;
  if (process.platform === 'win32' || (memoryMax === undefined && descriptorsMax === undefined)) {
    return { file: program, args, ...(argv0 === undefined ? {} : { argv0 }) };
  }
  const prlimit = PRLIMIT_PATHS.find((path) => existsSync(path));
  if (prlimit !== undefined) {
    const flags = [
      ...(memoryMax === undefined ? [] : [`--as=${memoryMax}`]),
      ...(descriptorsMax === undefined ? [] : [`--nofile=${descriptorsMax}`]),
    ];
    return { file: prlimit, args: [...flags, '--', program, ...args] };
  }
  return shellLaunch(limits, program, args);
}

/** The way without `prlimit`; `ulimit -v` counts KiB. */
export function shellLaunch({ memoryMax, descriptorsMax }: Limits, program: string, args: readonly string[]): Launch {
  const script = [
    ...(memoryMax === undefined ? [] : [`ulimit -v ${Math.floor(memoryMax / 1024)}`]),
    ...(descriptorsMax === undefined ? [] : [`ulimit -n ${Math.floor(descriptorsMax)}`]),
    'exec "$@"',
  ].join(' && ');
  return { file: '/bin/sh', args: ['-c', script, 'sh', program, ...args] };
}

const PRLIMIT_PATHS = ['/usr/bin/prlimit', '/bin/prlimit', '/usr/local/bin/prlimit'];
