/** Why a cluster is not at rest: what liveness reports when it fails. */
import type { TaskRows } from '@holdfast/task-store';
import type { Client } from './client.ts';
import type { CoordinatorProcess } from './coordinator-process.ts';
import type { WorkerProcess } from './worker-process.ts';

type TaskRow = TaskRows['tasks'][number];

/** One sentence per thing that is still open; empty when all is over and nobody believes otherwise. */
export function pendingOf(
  runs: number,
  rows: TaskRows,
  client: Client,
  workers: readonly WorkerProcess[],
  coordinator: CoordinatorProcess,
): string[] {
  const why = [...client.pending()];
  if (rows.runs.length < runs) why.push(`${rows.runs.length} of ${runs} runs are there`);
  for (const run of rows.runs) {
    if (run.state === 'finished' || run.state === 'cancelled') continue;
    const left = rows.tasks.filter((row) => row.run === run.run && row.ended === null).slice(0, NAMED_MAX);
    why.push(`run ${run.run} is ${run.state}: ${left.map(taskText).join(', ')}`);
  }
  for (const worker of workers) {
    const node = worker.node?.snapshot();
    if (!node || (node.leases.length === 0 && node.unsettled === 0)) continue;
    const leases = node.leases.slice(0, NAMED_MAX).map((each) => `${each.lease} ${each.state}`);
    why.push(`${worker.incarnation} (${node.state}) holds ${leases.join(', ')}`);
  }
  const node = coordinator.node?.snapshot();
  if (!node) return [...why, 'the coordinator is down'];
  for (const each of node.status.workers)
    if (each.held > 0) why.push(`the coordinator thinks that ${each.id} (${each.state}) holds ${each.held}`);
  for (const each of node.status.ready) why.push(`the coordinator thinks that ${each.count} of ${each.class} are ready`);
  return why;
}

function taskText(row: TaskRow): string {
  const more = [row.ready ? 'ready' : '', row.blocked > 0 ? `blocked ${row.blocked}` : '', row.delayMs > 0 ? `delayed ${row.delayMs}` : ''];
  return [`${row.run}.${row.n} ${row.state} e${row.epoch} f${row.fence}`, ...more.filter((part) => part !== '')].join(' ');
}

const NAMED_MAX = 8;
