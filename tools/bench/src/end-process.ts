/** One end of a measured connection as a process of its own, so that its processor time and memory are its own, too. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { owned } from './cleanup.ts';
import type { Role } from './end.ts';
import { plainEnv } from './servers.ts';

export interface EndProcess {
  readonly pid: number;
  /** Has a command of its role performed. Rejects when it fails, the process ends, or nothing is heard for `within` milliseconds. */
  ask<Answer>(command: string, argument?: unknown, within?: number): Promise<Answer>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Starts an end. `who` names the variable of its flags: HOLDFAST_BENCH_SERVER_FLAGS or HOLDFAST_BENCH_CLIENT_FLAGS. */
export function startEnd(role: Role, who: 'SERVER' | 'CLIENT'): EndProcess {
  const flags = process.env[`HOLDFAST_BENCH_${who}_FLAGS`]?.split(' ').filter(Boolean) ?? [];
  const execArgv = ['--expose-gc', ...(FROM_SOURCE ? ['--conditions=@holdfast/source'] : []), ...flags];
  const child = owned(fork(PROGRAM, [role], { execArgv, env: plainEnv(), stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }));
  const waiting = new Map<number, Waiting>();
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let lastId = 0;
  child.on('message', (answer: { readonly id: number; readonly value?: never; readonly error?: string }) => {
    const { resolve, reject } = waiting.get(answer.id) ?? {};
    waiting.delete(answer.id);
    if (answer.error === undefined) resolve?.(answer.value as never);
    else reject?.(new Error(`${role}: ${answer.error}`));
  });
  child.once('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`${role} ended with ${signal ?? code}`));
    waiting.clear();
  });
  return {
    pid: child.pid!,
    ask(command, argument, within = ANSWER_WITHIN_MS) {
      lastId += 1;
      const id = lastId;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(id);
          reject(new Error(`${role} did not answer ${command} within ${within / 1000} s`));
        }, within);
        const settle =
          <Value>(end: (value: Value) => void) =>
          (value: Value): void => {
            clearTimeout(timer);
            end(value);
          };
        waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
        child.send({ id, command, argument }, (error) => error && waiting.get(id)?.reject(error));
      });
    },
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

const FROM_SOURCE = import.meta.filename.endsWith('.ts');
const PROGRAM = join(import.meta.dirname, FROM_SOURCE ? 'end.ts' : 'end.js');
const ANSWER_WITHIN_MS = 240_000;
