import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TaskBody } from '@holdfast/model';
import { expect, onTestFinished, test } from 'vitest';
import type { DeathReport } from '../src/index.ts';
import { processStat } from '../src/sweep.ts';
import { createHarness, eventually, processesOf, script } from './harness.ts';

interface FakeWorker {
  readonly process: ChildProcess;
  readonly root: string;
  readonly lines: { readonly kind: string; readonly pid?: number; readonly text?: string }[];
}

function startWorker(bodies: readonly TaskBody[], report?: DeathReport): FakeWorker {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-reaper-'));
  const program = join(import.meta.dirname, 'fixtures/worker.ts');
  const worker = spawn(process.execPath, ['--conditions=@holdfast/source', program, JSON.stringify({ root, bodies, report })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: FakeWorker['lines'] = [];
  createInterface({ input: worker.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  onTestFinished(() => {
    worker.kill('SIGKILL');
    rmSync(root, { recursive: true, force: true });
  });
  return { process: worker, root, lines };
}

const isAlive = (pid: number): boolean => !['Z', 'X', undefined].includes(processStat(pid)?.state);

/** A server that keeps what is told to it. */
async function startListener() {
  const told: { readonly body: string; readonly authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request
      .on('data', (chunk) => (body += chunk))
      .on('end', () => {
        told.push({ body, authorization: request.headers.authorization });
        response.end();
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/deaths`;
  return { told, report: { url, token: 'secret', worker: 'w1', incarnation: 'i1' } };
}

test('R1 reaper: its worker is killed with SIGKILL -> groups, deaf processes and daemons are gone, and the death is told', async () => {
  const { told, report } = await startListener();
  const worker = startWorker(
    [
      script('process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6); console.log("up")'),
      {
        kind: 'command',
        argv: [
          'sh',
          '-c',
          'setsid sh -c "setsid sleep 1000 >/dev/null 2>&1 & echo \\$! > daemon.pid" >/dev/null; echo up; exec env -i sleep 1000',
        ],
      },
      { kind: 'module', path: 'task.mjs' },
    ],
    report,
  );
  writeFileSync(
    join(worker.root, 'task.mjs'),
    'export default async (ctx) => { ctx.log("up"); setInterval(() => {}, 1e6); await new Promise(() => {}) }',
  );
  await eventually('all three tasks to run', () => worker.lines.filter((line) => line.text === 'up\n').length === 3);
  const started = worker.lines.flatMap((line) => (line.kind === 'started' ? [line.pid ?? 0] : []));
  const pids = [...started, Number(readFileSync(join(worker.root, 'daemon.pid'), 'utf8'))];
  await eventually('the reaper to be named', () => worker.lines.some((line) => line.kind === 'reaper'));
  const reaper = worker.lines.find((line) => line.kind === 'reaper')?.pid ?? 0;
  expect(pids.map(isAlive)).toEqual([true, true, true, true]);

  worker.process.kill('SIGKILL');
  await eventually('all processes of the worker to be gone', () => !pids.some(isAlive));
  await eventually('the reaper to be gone', () => !isAlive(reaper));
  expect(told).toEqual([{ body: '{"worker":"w1","incarnation":"i1"}', authorization: 'Bearer secret' }]);
});

/** Starts a worker, kills it, and waits for what `told` becomes. */
async function killOne(report: DeathReport, told: () => boolean): Promise<void> {
  const worker = startWorker([script('console.log("up"); setInterval(() => {}, 1e6)')], report);
  await eventually('the task to run', () => worker.lines.some((line) => line.text === 'up\n'));
  worker.process.kill('SIGKILL');
  await eventually('the death to be told', told);
}

test('reaper: the coordinator is starting anew -> the death is told when it listens again, and once', async () => {
  const answers = [undefined, 503, 204, 204];
  let asked = 0;
  const server = createServer((request, response) => {
    const status = answers[asked];
    asked += 1;
    if (status === undefined) request.socket.destroy();
    else response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/deaths`;
  const worker = startWorker([script('setInterval(() => {}, 1e6)')], { url, token: 'secret', worker: 'w1', incarnation: 'i1' });
  await eventually('the reaper to be named', () => worker.lines.some((line) => line.kind === 'reaper'));
  const reaper = worker.lines.find((line) => line.kind === 'reaper')?.pid ?? 0;
  worker.process.kill('SIGKILL');
  await eventually('the reaper to be gone', () => !isAlive(reaper));
  expect(asked).toBe(3);
});

test('reaper: the certificate is of a private authority -> the death is told with that authority', async () => {
  const [cert, key] = ['tls.crt', 'tls.key'].map((name) => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8'));
  let asked = 0;
  const server = createSecureServer({ cert, key }, (_request, response) => {
    asked += 1;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `https://localhost:${(server.address() as AddressInfo).port}/deaths`;
  await killOne({ url, token: 'secret', worker: 'w1', incarnation: 'i1', tls: { ca: cert! } }, () => asked === 1);
});

test('reaper: it is killed itself -> a new one takes over what is watched', async () => {
  const worker = startWorker([{ kind: 'command', argv: ['sleep', '1000'] }]);
  const pidsOf = (kind: string): number[] =>
    worker.lines.flatMap((line) => (line.kind === kind && line.pid !== undefined ? [line.pid] : []));
  await eventually('the task and the reaper to run', () => pidsOf('started').length === 1 && pidsOf('reaper').length === 1);
  const [first = 0] = pidsOf('reaper');
  process.kill(first, 'SIGKILL');
  await eventually('a new reaper', () => pidsOf('reaper').some((pid) => pid !== first));
  worker.process.kill('SIGKILL');
  await eventually('the task to be gone', () => !pidsOf('started').some(isAlive));
});

test('reaper: the executor closes in order -> it leaves without a report', async () => {
  const { told, report } = await startListener();
  const harness = createHarness({ report });
  const order = harness.start({ kind: 'command', argv: ['sleep', '1000'] });
  const reaper = harness.executor.reaperPid() ?? 0;
  await harness.executor.close();
  expect(isAlive(reaper)).toBe(false);
  expect(processesOf(harness.marker(order))).toEqual([]);
  expect(told).toEqual([]);
});
