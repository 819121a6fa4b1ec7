import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { ADAPTERS, recogniseCommand } from '../src/index.ts';
import { expandFiles } from '../src/io/expand-files.ts';
import { hostProgram, listUnits, readProject } from '../src/io/host.ts';
import { copyFixture, plainEnvironment } from './support/host-session.ts';

// Real processes on a busy machine.
vi.setConfig({ testTimeout: 30_000 });

test('project: read from a folder inside it -> nearest manifest, scripts, the versions installed there', () => {
  using fixture = copyFixture('vitest-basic');
  writeFileSync(join(fixture.cwd, '.borp.yml'), 'files:\n');
  // The environment of these tests may make more visible than the project has.
  expect(readProject(join(fixture.cwd, 'test'), ADAPTERS)).toMatchObject({
    files: { '.borp.yml': 'files:\n' },
    folder: fixture.cwd,
    scripts: { test: 'vitest run' },
    versions: { vitest: '5.1.1' },
  });
});

test('project: a manifest that is no JSON -> ADAPTER_BAD_MANIFEST; an unknown adapter -> ADAPTER_UNKNOWN', () => {
  using fixture = copyFixture('globs');
  writeFileSync(join(fixture.cwd, 'package.json'), '{');
  expect(() => readProject(fixture.cwd, ADAPTERS)).toThrow(expect.objectContaining({ code: 'ADAPTER_BAD_MANIFEST' }));
  expect(() => hostProgram('tape')).toThrow(expect.objectContaining({ code: 'ADAPTER_UNKNOWN' }));
});

test.each([
  ['vitest-basic', 8],
  ['node-basic', 8],
])('list: npm test in %s, recognised and listed -> its files', async (name, count) => {
  using fixture = copyFixture(name);
  const found = recogniseCommand(['npm', 'test'], readProject(fixture.cwd, ADAPTERS));
  if (found?.kind !== 'suite') throw new Error(`not recognised: ${JSON.stringify(found)}`);
  const listing = await listUnits({ suite: found.suite, cwd: found.cwd ?? fixture.cwd, env: plainEnvironment() });
  expect(listing.units).toHaveLength(count);
  expect(listing.version).toMatch(/^\d+\./);
});

test('list: a runner that cannot work, a runner that dies, a call that was aborted -> three codes', async () => {
  using fixture = copyFixture('vitest-basic');
  const list = (signal?: AbortSignal): Promise<unknown> =>
    listUnits({ suite: { adapter: 'vitest', args: [] }, cwd: fixture.cwd, env: plainEnvironment(), ...(signal ? { signal } : {}) });
  const config = (text: string): void => writeFileSync(join(fixture.cwd, 'vitest.config.js'), text);
  config('throw new Error("no config today")');
  await expect(list()).rejects.toMatchObject({
    code: 'ADAPTER_UNUSABLE',
    retryable: false,
    message: expect.stringContaining('no config today'),
  });
  config('console.error("dying"); process.exit(3)');
  await expect(list()).rejects.toMatchObject({
    code: 'ADAPTER_HOST_CRASHED',
    retryable: true,
    message: expect.stringMatching(/exit code 3; its last words:\ndying/),
  });
  config('await new Promise(() => setInterval(() => {}, 1000))');
  const controller = new AbortController();
  const hanging = list(controller.signal);
  controller.abort();
  await expect(hanging).rejects.toMatchObject({ code: 'ADAPTER_ABORTED' });
  await expect(list(AbortSignal.abort())).rejects.toMatchObject({ code: 'ADAPTER_ABORTED' });
});

test('files: patterns and exclusions -> sorted, each once, nothing of node_modules', async () => {
  using fixture = copyFixture('globs');
  mkdirSync(join(fixture.cwd, 'src/node_modules'));
  writeFileSync(join(fixture.cwd, 'src/node_modules/d.sh'), '');
  expect(await expandFiles(['src/**/*.sh', './src/a.sh'], fixture.cwd)).toEqual(['src/a.sh', 'src/deep/b.sh']);
  expect(await expandFiles(['src/**', '!**/*.sh'], fixture.cwd)).toEqual(['src/c.txt']);
  expect(await expandFiles(['src', 'nothing/*.sh'], fixture.cwd)).toEqual([]);
});
