/** `holdfast plan`: how a run would be spread, and how long it would take, without running anything. */
import { availableParallelism } from 'node:os';
import { formatDuration } from '@holdfast/kernel';
import { cacheFolder, readHistory } from '@holdfast/results/files';
import { type Forecast, forecast, type SplitItem } from '@holdfast/scheduler';
import { type Console, table } from '../console.ts';
import { EXIT } from '../exit.ts';
import { projectFolder } from '../run/project-folder.ts';
import { runSettings, type SettingFlags } from '../settings.ts';
import { planFor, type RunFlags } from './run.ts';

export type PlanFlags = Pick<RunFlags, 'commands' | 'modules' | 'results' | 'lastFailed' | 'json'>;

/** Resolves with the exit code. Errors: those of `planRun` and of listing. */
export async function planVerb(command: readonly string[], flags: PlanFlags, settingFlags: SettingFlags, io: Console): Promise<number> {
  const settings = await runSettings(settingFlags);
  const plan = planFor(command, flags, settings);
  const { history, note } = readHistory(cacheFolder(projectFolder(process.cwd())), settings.history);
  for (const line of [...plan.notes, ...(note === undefined ? [] : [note])]) io.say(`holdfast: ${line}`);
  const { tasks, runner } = await plan.tasks(history);
  const workers = Math.max(1, settings.workers ?? plan.takenOver.workers ?? availableParallelism());
  const unknown = tasks.filter((task) => !task.predictedMs).length;
  const { items, priorMs } = itemsOf(tasks);
  const spread = forecast(
    items,
    Array.from({ length: workers }, (_, n) => ({ id: `worker ${n + 1}`, slots: 1 })),
  );
  if (flags.json) io.printJson({ command: plan.title, runner, workers, files: tasks.length, unknown, priorMs, ...spread });
  else print(io, { title: plan.title, runner, files: tasks.length, unknown, workers }, spread);
  return EXIT.passed;
}

/** A task without history counts as the median of the others; without any history all are alike. */
function itemsOf(tasks: readonly { readonly name: string; readonly predictedMs?: number }[]): {
  readonly items: SplitItem[];
  readonly priorMs: number;
} {
  const known = tasks.flatMap((task) => (task.predictedMs ? [task.predictedMs] : [])).sort((a, b) => a - b);
  const priorMs = known[known.length >> 1] ?? 1000;
  return { priorMs, items: tasks.map((task) => ({ id: task.name, durationMs: task.predictedMs || priorMs })) };
}

interface About {
  readonly title: string;
  readonly runner: string;
  readonly files: number;
  readonly unknown: number;
  readonly workers: number;
}

function print(io: Console, { title, runner, files, unknown, workers }: About, spread: Forecast): void {
  io.print(`${title}: ${files} ${files === 1 ? 'file' : 'files'} (${runner}) on ${workers} ${workers === 1 ? 'worker' : 'workers'}`);
  if (unknown === files) io.print('no durations are known yet: every file counts as 1 s');
  else if (unknown > 0) io.print(`${unknown} of them have no known duration and count as the median`);
  const rows = [...Map.groupBy(spread.steps, (step) => step.worker)].map(([worker, steps]) => [
    worker,
    String(steps.length),
    formatDuration(steps.reduce((sum, step) => sum + step.endMs - step.startMs, 0)),
    steps
      .map((step) => step.task)
      .join(' ')
      .slice(0, FILES_WIDTH),
  ]);
  for (const line of table([['', 'FILES', 'TIME', 'LONGEST FIRST'], ...rows])) io.print(line);
  const { makespanMs, lowerBoundMs, efficiency } = spread;
  io.print(
    `about ${formatDuration(makespanMs)}; no spread could be faster than ${formatDuration(lowerBoundMs)}; workers busy for ${Math.round(efficiency / 10)} %`,
  );
}

/** Of one line of the table; `--json` has them all. */
const FILES_WIDTH = 100;
