/** `holdfast artifacts` against a coordinator with one worker. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@holdfast/client';
import { startCoordinator } from '@holdfast/coordinator';
import { DEFAULT_POLICY, workerId } from '@holdfast/model';
import { startWorker } from '@holdfast/worker';
import { expect, onTestFinished, test } from 'vitest';
import type { Console } from '../src/console.ts';
import { artifactsVerb } from '../src/verbs/artifacts.ts';
import { newPlace } from './place.ts';

test('artifacts: listed, narrowed to a task, as JSON, downloaded from the latest attempt -> whole files below the folder', async () => {
  const place = newPlace({});
  const coordinator = await startCoordinator({
    dataFolder: join(place, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logLevel: 'silent',
  });
  const client = createClient({ url: coordinator.url, token: coordinator.adminToken });
  const worker = startWorker({
    ...{ id: workerId('w_cli'), name: 'cli', slots: 1, labels: {}, root: place, policy: {}, log: () => {} },
    ...{ url: coordinator.url, token: await coordinator.mintToken(['worker:register'], 'cli') },
  });
  onTestFinished(async () => {
    worker.stop('the test ended');
    await worker.ended;
    client.close();
    await coordinator.close();
  });
  const shell = (text: string) => ({ kind: 'command' as const, argv: ['/bin/sh', '-c', `cd "$HOLDFAST_ARTIFACTS_DIR" && ${text}`] });
  const policy = { ...DEFAULT_POLICY, retries: 1 };
  const { id } = await client.submit({
    name: 'files',
    tasks: [
      { name: 'again', body: shell('echo "${HOLDFAST_FENCING_TOKEN##*:}" > n; [ "${HOLDFAST_FENCING_TOKEN##*:}" = 2 ]'), policy },
      { name: 'nested', body: shell('mkdir -p a/b && echo deep > a/b/c.txt'), policy },
      { name: 'none', body: shell('true'), policy },
    ],
    seal: true,
  });
  await client.watchRun(id, { onEvent: () => {} });

  const said: string[] = [];
  const printed: string[] = [];
  const json: unknown[] = [];
  const io: Console = {
    say: (line) => void said.push(line),
    print: (line) => void printed.push(line),
    printJson: (value) => void json.push(value),
  };
  const flags = { connect: coordinator.url, token: coordinator.adminToken };
  expect(await artifactsVerb(id, undefined, flags, io)).toBe(0);
  expect(printed.slice(1).map((line) => line.split(/\s+/).filter((_, column) => column !== 3))).toEqual([
    ['1', '1', '2', 'n'],
    ['1', '2', '2', 'n'],
    ['2', '1', '5', 'a/b/c.txt'],
  ]);
  await artifactsVerb(`${id}.2`, undefined, { ...flags, json: true }, io);
  await artifactsVerb(id, '2', { ...flags, json: true }, io);
  expect(json[0]).toEqual(json[1]);
  expect(json[0]).toMatchObject([{ n: 2, name: 'a/b/c.txt', size: 5, task: 'nested', worker: 'cli' }]);
  printed.length = 0;
  await artifactsVerb(`${id}.3`, undefined, flags, io);
  expect(printed[1]).toContain('HOLDFAST_ARTIFACTS_DIR');
  await artifactsVerb(id, undefined, { ...flags, download: join(place, 'got') }, io);
  expect(readFileSync(join(place, 'got/1/n'), 'utf8')).toBe('2\n');
  expect(readFileSync(join(place, 'got/2/a/b/c.txt'), 'utf8')).toBe('deep\n');
  expect(readdirSync(join(place, 'got/2/a/b'))).toEqual(['c.txt']);
  expect(existsSync(join(place, 'got/3'))).toBe(false);
  await expect(artifactsVerb(id, '../1', flags, io)).rejects.toMatchObject({ code: 'CLI_USAGE' });
});
