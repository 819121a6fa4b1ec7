/**
 * The host of `node:test`: one warm runner, each file in a process of its own, as `node --test` does it.
 *
 * The suite's `args` are flags for those processes; its option `patterns` are what the user wants to run,
 * and `globalSetup` a module that Node runs around each file.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { failureOf } from './failure-text.ts';
import { type HostRunner, type OpenRequest, serveHost } from './host-channel.ts';
import { nodeTestFiles } from './node-test-files.ts';
import { createNodeTestReader, type TestEvent } from './node-test-report.ts';

// Asked for by name, since bundlers are known to write `test` for `node:test`, which then is a package of npm.
const { run } = process.getBuiltinModule('node:test');

serveHost(openNodeTest);

async function openNodeTest({ cwd, suite, slot }: OpenRequest): Promise<HostRunner> {
  process.chdir(cwd);
  // Started by a test of `node --test`, it would refuse to run anything.
  delete process.env['NODE_TEST_CONTEXT'];
  const patterns = (suite.options?.['patterns'] ?? []) as readonly string[];
  const globalSetup = suite.options?.['globalSetup'] as string | undefined;
  const execArgv = [...slotFlags(slot), ...suite.args];
  return {
    runner: 'node:test',
    version: process.version.slice(1),
    list: async () => ({ units: nodeTestFiles(patterns, cwd).map((file) => ({ file })) }),
    async run({ id, unit }, emit) {
      const started = performance.now();
      const file = resolve(cwd, unit.file);
      const end = (ok: boolean, cases: number, errors: readonly ReturnType<typeof failureOf>[]): void =>
        emit({ t: 'end', id, ok, cases, errors, durationMs: performance.now() - started });
      if (!existsSync(file)) return end(false, 0, [failureOf(`the file ${unit.file} does not exist`)]);
      const reader = createNodeTestReader(file, cwd, (result) => emit({ t: 'case', id, result }));
      // The runner sets the exit code of its own process, which is ours.
      const exitCode = process.exitCode;
      const options = { files: [file], concurrency: 1, execArgv, ...(globalSetup ? { globalSetupPath: resolve(cwd, globalSetup) } : {}) };
      for await (const event of run(options) as AsyncIterable<TestEvent>) reader.take(event);
      process.exitCode = exitCode;
      const { ok, cases, errors } = reader.report();
      end(ok, cases, ok || errors.length > 0 || cases > 0 ? errors : [failureOf('node:test calls the run failed and names no test')]);
    },
    close: async () => undefined,
  };
}

/** Node numbers the workers of one runner from 1 in each child, so that two slots would both be worker 1. */
function slotFlags(slot: number): string[] {
  return slot === 0 ? [] : [`--import=data:text/javascript,process.env.NODE_TEST_WORKER_ID="${slot + 1}"`];
}
