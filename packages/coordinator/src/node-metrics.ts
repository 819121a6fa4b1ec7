/** What `/metrics` tells of a coordinator. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Op, Verdict } from '@holdfast/committer';
import type { StatusValue } from '@holdfast/coordinator-core';
import { addCheckpointMetrics } from './checkpoint-metrics.ts';
import type { Metrics, Sample } from './metrics.ts';
import type { NodeHost } from './node-host.ts';

export interface NodeMetrics {
  readonly noted: (event: string, details: Readonly<Record<string, unknown>>) => void;
  readonly committed: (ops: readonly Op[], verdicts: readonly Verdict[], seconds: number) => void;
  readonly answered: (status: number) => void;
  /** Asks the node for what the gauges show. */
  refresh(host: NodeHost, sizes: Sizes): Promise<void>;
  /** Stops measuring the event loop. */
  stop(): void;
}

interface Sizes {
  readonly links: () => number;
  readonly streams: () => number;
  readonly logsDropped: () => number;
}

/** Registers all metrics of a coordinator. */
export function addNodeMetrics(metrics: Metrics): NodeMetrics {
  let status: StatusValue | undefined;
  let open: Sizes | undefined;
  const lag = monitorEventLoopDelay({ resolution: 10 });
  lag.enable();

  metrics.gauge('holdfast_tasks', 'Tasks of unfinished runs by state.', () => taskSamples(status));
  metrics.gauge('holdfast_tasks_ready', 'Runnable tasks.', () => [[{}, (status?.ready ?? []).reduce((sum, { count }) => sum + count, 0)]]);
  metrics.gauge('holdfast_workers', 'Workers by state.', () => workerSamples(status));
  metrics.gauge('holdfast_worker_links', 'Open worker links.', () => [[{}, open?.links() ?? 0]]);
  metrics.gauge('holdfast_event_streams', 'Open event and log streams.', () => [[{}, open?.streams() ?? 0]]);
  metrics.gauge('holdfast_log_chunks_dropped', 'Pieces of log that were not kept since the start.', () => [[{}, open?.logsDropped() ?? 0]]);
  const sessions = metrics.counter('holdfast_sessions_resumed', 'Sessions opened, by how: resumed or fresh.');
  const leases = metrics.counter('holdfast_lease_lost', 'Leases whose worker died, or was silent past the policy of the task, by cause.');
  const notes = metrics.counter('holdfast_notes', 'What the node noted, by event.');
  const commits = metrics.counter('holdfast_commits', 'Committed batches.');
  const ops = metrics.counter('holdfast_commit_ops', 'Committed ops.');
  const seconds = metrics.histogram('holdfast_commit_seconds', 'Time from a batch to its verdicts.', COMMIT_BOUNDS);
  const checkpoints = addCheckpointMetrics(metrics);
  const answers = metrics.counter('holdfast_http_refused', 'Refused requests by status.');
  metrics.gauge('process_resident_memory_bytes', 'Resident memory.', () => [[{}, process.memoryUsage.rss()]]);
  metrics.gauge('process_cpu_seconds', 'CPU time used.', () => [[{}, (process.cpuUsage().user + process.cpuUsage().system) / 1e6]]);
  metrics.gauge('nodejs_eventloop_lag_seconds', 'Delay of the event loop since the last reading.', () => {
    const samples: Sample[] = [0.5, 0.99].map((quantile) => [{ quantile: String(quantile) }, lag.percentile(quantile * 100) / 1e9]);
    lag.reset();
    return samples;
  });

  return {
    noted(event, details) {
      notes.add({ event });
      if (event === 'checkpoint.corrupt') checkpoints.corrupt();
      if (event === 'session.resumed') sessions.add({ how: 'resumed' });
      if (event === 'session.opened') sessions.add({ how: 'fresh' });
      const cause = LEASE_CAUSES[event];
      if (cause !== undefined && typeof details['leases'] === 'number') leases.add({ cause }, details['leases']);
    },
    committed(batch, verdicts, took) {
      commits.add();
      ops.add({}, batch.length);
      seconds.observe(took);
      checkpoints.committed(batch, verdicts);
    },
    stop: () => void lag.disable(),
    answered: (code) => answers.add({ status: String(code) }),
    async refresh(host, sizes) {
      open = sizes;
      const reply = await host.ask('metrics', { kind: 'status' });
      status = reply.ok ? (reply.value as unknown as StatusValue) : undefined;
    },
  };
}

function taskSamples(status: StatusValue | undefined): Sample[] {
  const totals = new Map<string, number>();
  for (const run of status?.runs ?? []) {
    for (const [state, count] of Object.entries(run.counts)) {
      if (state !== 'total' && state !== 'lostAttempts') totals.set(state, (totals.get(state) ?? 0) + count);
    }
  }
  return [...totals].map(([state, count]) => [{ state }, count]);
}

function workerSamples(status: StatusValue | undefined): Sample[] {
  const totals = new Map<string, number>([
    ['connected', 0],
    ['suspect', 0],
    ['disconnected', 0],
  ]);
  for (const worker of status?.workers ?? []) totals.set(worker.state, (totals.get(worker.state) ?? 0) + 1);
  return [...totals].map(([state, count]) => [{ state }, count]);
}

/** What the node notes when leases are no longer where they were. */
const LEASE_CAUSES: Readonly<Record<string, string>> = { 'worker.died': 'died', 'lease.expired': 'silent' };
const COMMIT_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
