/** Talks to a real host about a copy of a fixture, in the order of the protocol. */
import { cpSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { CaseResult, TestUnit } from '@holdfast/model';
import { type Host, type HostExit, hostProgram, openHost } from '../../src/io/host.ts';
import type { HostEvent } from '../../src/host-protocol.ts';

const here = import.meta.dirname;
export const workspace = resolve(here, '../../../..');

/** A copy that tests may write into; it finds the workspace's own runners. Removed by `using`. */
export function copyFixture(name: string): Disposable & { readonly cwd: string } {
  const cwd = realpathSync(mkdtempSync(join(tmpdir(), `holdfast-${name}-`)));
  cpSync(join(here, '../fixtures', name), cwd, { recursive: true });
  // Vitest is the workspace's; the other runners are this package's, for these tests alone.
  const installed = name.startsWith('vitest') ? workspace : resolve(here, '../..');
  symlinkSync(join(installed, 'node_modules'), join(cwd, 'node_modules'));
  return { cwd, [Symbol.dispose]: () => rmSync(cwd, { recursive: true, force: true }) };
}

/** Everything below a folder, sorted. Links are named and not followed, as Node's own recursive reading does: workspaces link in circles. */
export const pathsBelow = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const below = entry.isDirectory() ? pathsBelow(join(folder, entry.name)) : [];
      return [entry.name, ...below.map((path) => join(entry.name, path))];
    })
    .sort();

const asleep = (): void => undefined;

type Event<T extends HostEvent['t']> = Extract<HostEvent, { t: T }>;

export interface Session extends AsyncDisposable {
  readonly host: Host;
  readonly ready: Event<'ready'>;
  list(): Promise<readonly TestUnit[]>;
  run(unit: TestUnit | string): Promise<{ readonly cases: readonly CaseResult[]; readonly end: Event<'end'> }>;
  /** The test that the host last said to begin. */
  at(): string;
  /** All that was printed so far. */
  output(): string;
  close(): Promise<HostExit>;
}

export interface SessionOptions {
  readonly args?: readonly string[];
  readonly options?: Record<string, string | readonly string[]>;
  readonly slot?: number;
  readonly env?: Record<string, string | undefined>;
}

/** The environment of a person's shell: that of a test run by vitest would tell the host that it is inside one. */
export function plainEnvironment(extra: Record<string, string | undefined> = {}): Record<string, string | undefined> {
  const outside = Object.entries(process.env).filter(([name]) => !/^(VITEST.*|TEST|NODE_ENV|CI|NODE_OPTIONS|NODE_PATH)$/.test(name));
  return { ...Object.fromEntries(outside), ...extra };
}

/** Opens a host; rejects with what it said if it cannot work. */
export async function openSession(adapter: string, cwd: string, options: SessionOptions = {}): Promise<Session> {
  const events: HostEvent[] = [];
  let wake = asleep;
  let printed = '';
  let at = '';
  let gone: HostExit | undefined;
  const host = openHost(
    { program: hostProgram(adapter), cwd, env: plainEnvironment(options.env) },
    {
      event: (event) => {
        events.push(event);
        wake();
      },
      output: (_stream, chunk) => (printed += chunk.toString()),
    },
  );
  const watch = async (): Promise<void> => {
    gone = await host.exited;
    wake();
  };
  void watch();
  const next = async <T extends HostEvent['t']>(t: T, cases?: CaseResult[]): Promise<Event<T>> => {
    for (;;) {
      const event = events.shift();
      if (event?.t === t) return event as Event<T>;
      if (event?.t === 'at') {
        at = event.test;
        continue;
      }
      if (event?.t === 'case' && cases) cases.push(event.result);
      else if (event) throw new Error(`waited for ${t}, got ${JSON.stringify(event)}`);
      else if (gone) throw new Error(`waited for ${t}, the host ended: ${JSON.stringify(gone)}`);
      else await new Promise<void>((done) => (wake = done));
    }
  };
  const close = (): Promise<HostExit> => {
    host.send({ t: 'close' });
    return host.exited;
  };
  host.send({
    t: 'open',
    cwd,
    suite: { adapter, args: options.args ?? [], ...(options.options ? { options: options.options } : {}) },
    slot: options.slot ?? 0,
  });
  const ready = await next('ready');
  let id = 0;
  return {
    host,
    ready,
    async list() {
      host.send({ t: 'list' });
      return (await next('listed')).units;
    },
    async run(unit) {
      const cases: CaseResult[] = [];
      id += 1;
      host.send({ t: 'run', id, unit: typeof unit === 'string' ? { file: unit } : unit });
      const end = await next('end', cases);
      return { cases, end };
    },
    at: () => at,
    output: () => printed,
    close,
    async [Symbol.asyncDispose]() {
      await close();
    },
  };
}

/** `title > title: grade` of each case, in order. */
export const grades = (cases: readonly CaseResult[]): string[] => cases.map(({ path, grade }) => `${path.join(' > ')}: ${grade}`);
