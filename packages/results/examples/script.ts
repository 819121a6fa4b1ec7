/** The made-up run of `watch-a-run.ts`: events with the time before each, for a speed of 1. */
import { createRandom, type Random } from '@holdfast/kernel';
import type { AttemptResult, CaseResult } from '@holdfast/model';
import type { RunCounts } from '@holdfast/model';
import type { RunEvent } from '../src/index.ts';

export { createRandom };

const AREAS = ['api', 'billing', 'core', 'search'];
const TITLES = ['keeps the order', 'refuses an empty list', 'retries once', 'reads what it wrote', 'rounds half to even'];
const WORKERS = ['laptop', 'build-7', 'gpu-box'];
const FILES = 40;
const counts = (remaining: number): RunCounts => ({
  total: FILES,
  remaining,
  passed: FILES - remaining,
  failed: 0,
  errored: 0,
  timedOut: 0,
  cancelled: 0,
  deadLetter: 0,
  lostAttempts: 0,
});

interface Running {
  readonly n: number;
  readonly epoch: number;
  readonly worker: string;
  leftMs: number;
  readonly tookMs: number;
}

/** Simulates a queue of files on three workers in steps of 100 ms. */
export function* nextTurns(random: Random): Generator<readonly [number, RunEvent]> {
  const files = Array.from(
    { length: FILES },
    (_, index) => `test/${AREAS[index % 4]}/${random.pick(['orders', 'users', 'prices', 'links'])}-${index}.test.ts`,
  );
  const took = files.map(() => 400 + random.below(3600));
  yield [0, { e: 'run', state: 'sealed', counts: counts(FILES) }];
  for (const worker of WORKERS) yield [0, { e: 'worker', worker, change: 'joined', slots: 2 }];
  for (const [index, name] of files.entries()) {
    yield [0, { e: 'task', n: index + 1, name, state: 'queued', kind: 'test', predictedMs: took[index]! }];
  }
  const queue = files.map((_, index) => ({ n: index + 1, epoch: 1 }));
  const away = new Set<string>();
  let running: Running[] = [];
  let done = 0;
  for (let step = 0; done < FILES; step += 1) {
    if (step === 60) {
      away.add('gpu-box');
      yield [0, { e: 'worker', worker: 'gpu-box', change: 'lost', slots: 2, reason: 'no heartbeat for 10 s' }];
      for (const { n, epoch, worker } of running.filter((one) => one.worker === 'gpu-box')) {
        yield [0, { e: 'lost', n, epoch, worker, reason: 'its machine is gone' }];
        yield [0, { e: 'task', n, name: files[n - 1]!, state: 'queued' }];
        queue.unshift({ n, epoch: epoch + 1 });
      }
      running = running.filter((one) => one.worker !== 'gpu-box');
    }
    if (step === 100) {
      away.delete('gpu-box');
      yield [0, { e: 'worker', worker: 'gpu-box', change: 'back', slots: 2 }];
    }
    for (const worker of WORKERS.filter((name) => !away.has(name))) {
      while (running.filter((one) => one.worker === worker).length < 2 && queue.length > 0) {
        const { n, epoch } = queue.shift()!;
        running.push({ n, epoch, worker, leftMs: took[n - 1]!, tookMs: took[n - 1]! });
        yield [0, { e: 'task', n, name: files[n - 1]!, state: 'running', epoch, worker, attempt: epoch }];
      }
    }
    yield [100, { e: 'run', state: 'sealed', counts: counts(FILES - done) }];
    for (const one of running) one.leftMs -= 100;
    for (const { n, epoch, worker, tookMs } of running.filter((one) => one.leftMs <= 0)) {
      const file = files[n - 1]!;
      const result = resultOf(file, n, epoch, tookMs);
      const final = result.outcome === 'passed' || epoch > 1;
      yield [0, { e: 'finished', n, epoch, worker, result, final }];
      if (final) done += 1;
      else queue.unshift({ n, epoch: epoch + 1 });
      yield [0, { e: 'task', n, name: file, state: final ? result.outcome : 'queued', durationMs: tookMs }];
    }
    running = running.filter((one) => one.leftMs > 0);
  }
  yield [0, { e: 'ended', state: 'finished', counts: counts(0) }];
}

function resultOf(file: string, n: number, epoch: number, durationMs: number): AttemptResult {
  const cases = TITLES.map((title, index): CaseResult => {
    const fails = (n === 7 && index === 2) || (n === 12 && index === 1 && epoch === 1);
    return {
      path: [file.split('/')[1]!, title],
      file: n === 7 ? 'files/orders.test.ts.txt' : file,
      line: 6 + index,
      grade: fails ? 'failed' : index === 4 && n % 9 === 0 ? 'skipped' : 'passed',
      durationMs: durationMs / TITLES.length,
      attempts: 1,
      ...(fails ? { failure: FAILURE } : {}),
    };
  });
  return { outcome: cases.some(({ grade }) => grade === 'failed') ? 'failed' : 'passed', durationMs, cases };
}

const FAILURE = {
  message: 'AssertionError: expected { total: 41 } to deeply equal { total: 42 }',
  stack:
    'AssertionError: expected …\n    at repeatOrder (/shop/src/orders.ts:88:11)\n    at /shop/files/orders.test.ts.txt:8:17\n    at node:internal/process/task_queues:95:5',
  diff: '- Expected\n+ Received\n\n  {\n-   "total": 42,\n+   "total": 41,\n  }',
};
