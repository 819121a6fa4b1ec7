/** What attempts leave and save, over real sockets and real processes. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Client, createClient } from '@holdfast/client';
import { type RunningCoordinator, startCoordinator, type StartCoordinatorSettings } from '@holdfast/coordinator';
import { DEFAULT_POLICY, type RunId, type TaskBody, type TaskPolicy, workerId } from '@holdfast/model';
import { type RunningWorker, startWorker } from '@holdfast/worker';
import { expect, onTestFinished, test, vi } from 'vitest';
import { newFolder } from './checkout.ts';

vi.setConfig({ testTimeout: 240_000 });

interface Rig {
  readonly coordinator: RunningCoordinator;
  readonly client: Client;
  readonly worker: RunningWorker;
  readonly dataFolder: string;
  run(text: string, policy?: Partial<TaskPolicy>): Promise<RunId>;
  finished(id: RunId): Promise<string>;
  printed(id: RunId): Promise<string>;
}

async function startRig(settings: Partial<StartCoordinatorSettings> = {}): Promise<Rig> {
  const dataFolder = settings.dataFolder ?? join(newFolder(), 'data');
  const coordinator = await startCoordinator({ listen: { host: '127.0.0.1', port: 0 }, logLevel: 'debug', ...settings, dataFolder });
  const client = createClient({ url: coordinator.url, token: coordinator.adminToken });
  const worker = startWorker({
    ...{ id: workerId('w_files'), name: 'files', slots: 1, labels: {}, root: newFolder(), policy: {}, log: () => {} },
    ...{ url: coordinator.url, token: await coordinator.mintToken(['worker:register'], 'files') },
  });
  onTestFinished(async () => {
    worker.stop('the test ended');
    await worker.ended;
    client.close();
    await coordinator.close();
  });
  return {
    ...{ coordinator, client, worker, dataFolder },
    async run(text, policy = {}) {
      const body: TaskBody = { kind: 'command', argv: ['/bin/sh', '-c', text] };
      const { id } = await client.submit({
        name: 'files',
        tasks: [{ name: 'one', body, policy: { ...DEFAULT_POLICY, ...policy } }],
        seal: true,
      });
      return id;
    },
    async finished(id) {
      await client.watchRun(id, { onEvent: () => {} });
      return (await client.task(id, 1)).state;
    },
    async printed(id) {
      let text = '';
      for await (const chunk of client.logs(id, { n: 1 })) text += chunk.text;
      return text;
    },
  };
}

async function read(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all).toString();
}

test('G19 artifacts: left by a command -> recorded with name, digest and size once their bytes are there; the same bytes once', async () => {
  const { client, run, finished, dataFolder, coordinator } = await startRig();
  const id = await run(
    'cd "$HOLDFAST_ARTIFACTS_DIR" && mkdir r && echo hello > r/a.txt && echo hello > b.txt && head -c 300000 /dev/zero > zeros',
  );
  expect(await finished(id)).toBe('passed');
  const { artifacts } = await client.artifacts(id);
  expect(artifacts.map(({ name, size, n, epoch, task }) => [name, size, n, epoch, task])).toEqual([
    ['b.txt', 6, 1, 1, 'one'],
    ['r/a.txt', 6, 1, 1, 'one'],
    ['zeros', 300_000, 1, 1, 'one'],
  ]);
  expect(await read(await client.artifact(id, 1, 'r/a.txt'))).toBe('hello\n');
  for (const { digest } of artifacts) {
    const bytes = readFileSync(join(dataFolder, 'blobs', digest.slice(7, 9), digest.slice(7)));
    expect(`sha256-${createHash('sha256').update(bytes).digest('hex')}`).toBe(digest);
  }
  expect(new Set(artifacts.map((one) => one.digest)).size).toBe(2);
  const answer = await fetch(`${coordinator.url}/api/v1/runs/${id}/tasks/1/artifacts/r%2Fa.txt`, {
    headers: { authorization: `Bearer ${coordinator.adminToken}` },
  });
  expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="a.txt"; filename*=UTF-8''a.txt`);
  await expect(client.artifact(id, 1, '../admin.token')).rejects.toMatchObject({ details: { status: 404 } });
});

test('artifacts: more than the coordinator takes -> the attempt has not passed, nothing is recorded', async () => {
  const { client, run, finished } = await startRig({ limits: { blobBytesMax: 1000 } });
  const id = await run('head -c 1001 /dev/zero > "$HOLDFAST_ARTIFACTS_DIR/zeros"');
  expect(await finished(id)).toBe('errored');
  expect((await client.artifacts(id)).artifacts).toEqual([]);
  expect((await client.task(id, 1)).attemptRows[0]?.result?.reason).toContain('its artifacts could not be kept');
});

test('artifacts: the disk is full for a while -> the result waits, then is recorded with them', async () => {
  const dataFolder = join(newFolder(), 'data');
  const limits = { diskFreeMin: Number.MAX_SAFE_INTEGER };
  const rig = await startRig({ dataFolder, limits });
  const id = await rig.run('echo x > "$HOLDFAST_ARTIFACTS_DIR/x"');
  await vi.waitFor(async () => expect((await rig.client.metrics()).includes('status="507"')).toBe(true), {
    timeout: 120_000,
    interval: 50,
  });
  expect((await rig.client.run(id)).counts.remaining).toBe(1);
  const port = Number(new URL(rig.coordinator.url).port);
  await rig.coordinator.close();
  const again = await startCoordinator({ dataFolder, listen: { host: '127.0.0.1', port }, logLevel: 'silent' });
  try {
    expect(await rig.finished(id)).toBe('passed');
    expect((await rig.client.artifacts(id)).artifacts.map((one) => one.name)).toEqual(['x']);
  } finally {
    rig.worker.stop('the test ended');
    await rig.worker.ended;
    await again.close();
  }
});

test('G9 checkpoints: large ones of an attempt that fails -> the next one finds the latest; damaged -> the older one, and an event', async () => {
  const { client, run, finished, printed, dataFolder } = await startRig();
  const save = 'd="$HOLDFAST_CHECKPOINT_DIR"; save() { (echo "$1"; head -c 100000 /dev/zero) > "$d/.next"; mv "$d/.next" "$d/state"; }';
  const wait = (name: string) => `while [ ! -e ${name} ]; do sleep 0.05; done`;
  const folder = newFolder();
  const id = await run(
    `${save}; head -n 1 "$HOLDFAST_RESUME_FILE" 2>/dev/null || echo fresh
     [ -e ${folder}/third ] && exit 0
     [ -e ${folder}/second ] && { ${wait(`${folder}/damaged`)}; : > ${folder}/third; exit 1; }
     : > ${folder}/second; save one; ${wait(`${folder}/saved`)}; save two; exit 1`,
    { retries: 3, retryDelayMs: 0 },
  );
  const files = () => readdirSync(join(dataFolder, 'blobs'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  await vi.waitFor(async () => expect(await client.metrics()).toMatch(/holdfast_checkpoints_created_total 1\n/), { timeout: 120_000 });
  writeFileSync(join(folder, 'saved'), '');
  await vi.waitFor(async () => expect((await client.task(id, 1)).epoch).toBe(2), { timeout: 120_000 });
  await vi.waitFor(async () => expect(await printed(id)).toContain('two'), { timeout: 120_000 });
  const latest = files().find((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8').startsWith('two'))!;
  writeFileSync(join(latest.parentPath, latest.name), Buffer.alloc(100_004, 'x'));
  writeFileSync(join(folder, 'damaged'), '');
  expect(await finished(id)).toBe('passed');
  expect((await printed(id)).trim().split('\n')).toEqual(['fresh', 'two', 'one']);
  const detail = await client.task(id, 1);
  expect(detail.events.filter((event) => event.kind === 'checkpoint.corrupt').map((event) => event.reason)).toEqual([
    'checkpoint 2 of attempt 1 is damaged',
  ]);
  const metrics = await client.metrics();
  expect(metrics).toMatch(/holdfast_checkpoints_created_total 2\n/);
  expect(metrics).toMatch(/holdfast_checkpoints_restored_total 2\n/);
  expect(metrics).toMatch(/holdfast_checkpoints_corrupt_total 1\n/);
});

test('G8 fencing token: a store that refuses lower ones -> takes the writes of each attempt in order, and none of an earlier one after', async () => {
  const { run, finished } = await startRig();
  const seen: string[] = [];
  let highest = 0;
  const downstream = createServer((request, response) => {
    const token = new URL(request.url!, 'http://x').searchParams.get('token')!;
    const epoch = Number(token.split(':')[1]);
    seen.push(`${token} ${epoch >= highest ? 'taken' : 'refused'}`);
    response.statusCode = epoch >= highest ? 200 : 409;
    highest = Math.max(highest, epoch);
    response.end();
  });
  await new Promise<void>((listening) => downstream.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void downstream.close());
  const url = `http://127.0.0.1:${(downstream.address() as AddressInfo).port}/?token=`;
  const write = `${process.execPath} -e 'fetch(process.argv[1]).then((r) => process.exit(r.ok ? 0 : 9))'`;
  const id = await run(`${write} "${url}$HOLDFAST_FENCING_TOKEN" || exit 9; [ "\${HOLDFAST_FENCING_TOKEN##*:}" -ge 3 ] || exit 1`, {
    retries: 2,
  });
  expect(await finished(id)).toBe('passed');
  expect((await fetch(`${url}${id}.1:2`)).status).toBe(409);
  expect(seen).toEqual([`${id}.1:1 taken`, `${id}.1:2 taken`, `${id}.1:3 taken`, `${id}.1:2 refused`]);
});
