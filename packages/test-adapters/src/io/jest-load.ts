/** Finds the parts of the project's own jest. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Argv, JestChangedFiles, JestCli, JestConfig, JestCore, JestRuntime, JestTransform } from './jest-api.ts';

export interface Jest {
  readonly version: string;
  readonly core: JestCore;
  readonly config: JestConfig;
  readonly runtime: JestRuntime;
  readonly transform: JestTransform;
  readonly TestWatcher: new (options: { isWatchMode: boolean }) => unknown;
  buildArgv(args: readonly string[]): Promise<Argv>;
  changed(): JestChangedFiles;
  /** Loads a module of the project. */
  require(path: string): unknown;
}

/** Throws with what to do if jest is not there, or is too old. */
export function loadJest(cwd: string, majorMin: number): Jest {
  const project = createRequire(join(cwd, 'package.json'));
  const manifest = tryResolve(project, 'jest/package.json') ?? tryResolve(project, 'jest-cli/package.json');
  if (manifest === undefined) throw new Error(`jest is not installed in ${cwd}; install it, or run from the folder that has it`);
  const { version } = project(manifest) as { version: string };
  if (Number.parseInt(version, 10) < majorMin) throw new Error(`jest ${version} is too old; supported are ${majorMin}.0 and later`);
  const jest = createRequire(manifest);
  const core = createRequire(jest.resolve('@jest/core/package.json'));
  const cliManifest = tryResolve(jest, 'jest-cli/package.json') ?? manifest;
  return {
    version,
    core: jest('@jest/core') as JestCore,
    config: core('jest-config') as JestConfig,
    runtime: defaultOf<JestRuntime>(core('jest-runtime')),
    transform: core('@jest/transform') as JestTransform,
    TestWatcher: (core('jest-watcher') as { TestWatcher: Jest['TestWatcher'] }).TestWatcher,
    changed: () => core('jest-changed-files') as JestChangedFiles,
    require: (path) => defaultOf(project(path)),
    async buildArgv(args) {
      const cli = jest('jest-cli') as JestCli;
      // A path around the `exports` map, which older versions hide it behind.
      const build = cli.buildArgv ?? (project(join(dirname(cliManifest), 'build/run.js')) as Required<JestCli>).buildArgv;
      return build([...args]);
    },
  };
}

function tryResolve(require: NodeJS.Require, name: string): string | undefined {
  try {
    return require.resolve(name);
  } catch {
    /* ignored: the caller says what that means. */
    return undefined;
  }
}

function defaultOf<Value>(module: unknown): Value {
  const { default: value } = module as { default?: unknown };
  return (value ?? module) as Value;
}
