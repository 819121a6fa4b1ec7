/**
 * Loaded by the user's own mocha with `--require`: takes the place of its run, and runs one file at a time when asked to.
 *
 * M1 Each file gets a suite tree of its own, with the options, root hooks and `--file` modules that mocha would use.
 *    The process and its modules stay: mocha runs all files in one process, too.
 * M2 Global fixtures run once: set up before the first file, taken down at the end.
 * M3 What tests mock is captured at load: timers, `fs`.
 * M4 Something thrown while mocha itself does not listen belongs to the file before; it is told with the next end, or by the exit code.
 *    Mocha listens from the start of its run until its end, and not while a file is loaded or its last turns pass.
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { join, relative, resolve } from 'node:path';
import type { Failure, TestUnit } from '@holdfast/model';
import type { HostEvent, HostRequest } from '../host-protocol.ts';
import { failureOf, failureOfThrown } from './failure-text.ts';
import type { Mocha, Runner } from './mocha-api.ts';
import { failureOfMocha, type MochaReader, readMocha } from './mocha-report.ts';
import { portable } from './paths.ts';

const soon = setImmediate;
const exit: (code: number) => never = process.exit.bind(process);
const write = writeSync;
const require = createRequire(import.meta.url);
const now = performance.now.bind(performance);
const memory = process.memoryUsage.rss;

/** Mocha's own. */
let loadFiles: (this: Mocha) => Promise<void>;
const address = process.env['HOLDFAST_INNER'];
const folder = process.env['HOLDFAST_MOCHA'];
delete process.env['HOLDFAST_INNER'];
delete process.env['HOLDFAST_MOCHA'];
if (address !== undefined && folder !== undefined) {
  const { prototype } = loadMocha(folder);
  loadFiles = prototype.loadFilesAsync;
  prototype.loadFilesAsync = function takeOver(this: Mocha): Promise<void> {
    return serve(this, connect(address), (require(join(folder, 'package.json')) as { version: string }).version);
  };
}

interface Session {
  readonly mocha: Mocha;
  readonly cwd: string;
  /** Modules of `--file`, absolute: they hook into the root suite of every file. */
  readonly shared: readonly string[];
  readonly late: Failure[];
  globals: object | undefined;
  broken: Failure | undefined;
  /** Mocha hears what is thrown. */
  listening: boolean;
}

/** Serves until it is asked to close. */
async function serve(mocha: Mocha, socket: Socket, version: string): Promise<void> {
  await once(socket, 'connect');
  const cwd = process.cwd();
  const shared = [mocha.options.file ?? []].flat().map((file) => resolve(cwd, file));
  const session: Session = { mocha, cwd, shared, late: [], globals: undefined, broken: undefined, listening: false };
  const emit = (event: HostEvent): void => say(socket, event);
  emit({ t: 'ready', runner: 'mocha', version });
  for (const name of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(name, (error: unknown) => {
      if (!session.listening) session.late.push(failureOfThrown(error, 'thrown after the tests: '));
    });
  }
  const files = mocha.files.map((file) => resolve(cwd, file)).filter((file) => !shared.includes(file));
  for await (const request of requestsOf(socket)) {
    if (request.t === 'list') {
      emit({
        t: 'listed',
        units: files.map((file) => ({ file: portable(relative(cwd, file)) })).sort((a, b) => (a.file < b.file ? -1 : 1)),
        notes: mocha.options['bail'] === true ? ['bail of the config of mocha is left out; use --fail-fast'] : [],
      });
    } else if (request.t === 'run') emit(await runUnit(session, request.id, request.unit, emit));
    else break;
  }
  await leave(session);
}

async function runUnit(session: Session, id: number, unit: TestUnit, emit: (event: HostEvent) => void): Promise<HostEvent> {
  const started = now();
  const errors: Failure[] = session.late.splice(0);
  let reader: MochaReader | undefined;
  let failures = 0;
  try {
    await setUp(session);
    if (session.broken) errors.push(session.broken);
    else {
      const one = await load(session, resolve(session.cwd, unit.file));
      failures = await new Promise<number>((done) => {
        session.listening = true;
        const runner: Runner = one.run((count) => {
          // Its listener stays, and from now on only throws again: that would end the process.
          runner.dispose?.();
          session.listening = false;
          done(count);
        });
        reader = readMocha(
          runner,
          unit.file,
          (result) => emit({ t: 'case', id, result }),
          (test) => emit({ t: 'at', id, test }),
        );
      });
      reader?.close(one.suite);
      // Two turns: what is thrown as the last test ends is heard.
      await new Promise<void>((done) => soon(() => soon(done)));
      one.dispose();
    }
  } catch (error) {
    errors.push(failureOfMocha(error));
  }
  session.listening = false;
  const { cases = 0, failed = 0, errors: more = [] } = reader?.report() ?? {};
  errors.push(...more, ...session.late.splice(0));
  if (failures > 0 && failed === 0 && errors.length === 0) errors.push(failureOf('mocha calls the run failed and names no test'));
  return {
    t: 'end',
    id,
    ok: failures === 0 && failed === 0 && errors.length === 0,
    cases,
    errors,
    durationMs: now() - started,
    ...(session.broken ? { broken: true } : {}),
    ...(memory() > RSS_BYTES_MAX || session.shared.some(isModule) ? { recycle: true } : {}),
  };
}

/** A mocha of its own for one file, loaded and ready to run. */
async function load({ mocha, shared }: Session, file: string): Promise<Mocha> {
  const options = {
    ...mocha.options,
    bail: false,
    parallel: false,
    reporter: silent,
    // Without it paths in stacks would be relative to a folder that nobody knows later.
    fullTrace: true,
    enableGlobalSetup: false,
    enableGlobalTeardown: false,
  };
  const one = new mocha.constructor(options).cleanReferencesAfterRun(false);
  // They must hook into this root suite: required modules are evaluated again, imported ones cannot be (the process is replaced).
  for (const path of shared) delete require.cache[path];
  one.files = [...shared, file];
  await loadFiles.call(one);
  return one;
}

async function setUp(session: Session): Promise<void> {
  const { mocha } = session;
  if (session.globals || session.broken) return;
  try {
    session.globals = mocha.hasGlobalSetupFixtures?.() ? await mocha.runGlobalSetup({}) : {};
  } catch (error) {
    session.broken = failureOfThrown(error, 'the global setup failed: ');
  }
}

async function leave({ mocha, globals, late }: Session): Promise<never> {
  let code = 0;
  try {
    if (globals && mocha.hasGlobalTeardownFixtures?.()) await mocha.runGlobalTeardown({}, { context: globals });
  } catch (error) {
    process.stderr.write(`the global teardown failed: ${failureOfThrown(error).message}\n`);
    code = 1;
  }
  for (const { message } of late) process.stderr.write(`${message}\n`);
  return exit(late.length > 0 ? 1 : code);
}

/** Mocha wants a reporter. */
function silent(): void {
  // What it would hear is heard from the runner.
}

function loadMocha(path: string): { prototype: { loadFilesAsync(this: Mocha): Promise<void> } } {
  for (const name of ['lib/mocha.cjs', 'lib/mocha.js']) {
    try {
      return require(join(path, name)) as ReturnType<typeof loadMocha>;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new Error(`the mocha in ${path} is not understood`);
}

async function* requestsOf(socket: Socket): AsyncGenerator<HostRequest> {
  let rest = '';
  socket.setEncoding('utf8');
  for await (const chunk of socket as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line) as HostRequest;
  }
}

/** At once, so that nothing said is lost when the process dies in the next statement. */
function say(socket: Socket, event: HostEvent): void {
  const bytes = Buffer.from(`${JSON.stringify(event)}\n`);
  const descriptor = (socket as unknown as { _handle: { fd: number } })['_handle'].fd;
  for (let written = 0; written < bytes.length;) {
    try {
      written += write(descriptor, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') exit(1);
      Atomics.wait(PAUSE, 0, 0, 1);
    }
  }
}

const isModule = (path: string): boolean => require.cache[path] === undefined;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));
const RSS_BYTES_MAX = 1.5 * 1024 ** 3;
