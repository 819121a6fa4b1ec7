/**
 * What the client was promised: G1 no accepted task is lost, G2 none comes from nowhere, G3 one run per key, G14 a cancel is decided once.
 */
import type { Checker } from '../history.ts';
import { Violation } from '../history.ts';

export function createAcceptedChecker(): Checker[] {
  const accepted = new Map<string, { id: string; tasks: number }>();
  const attempted = new Map<string, number>();
  const cancelledTasks = new Set<string>();
  const cancelledRuns = new Set<string>();
  const counts = { lost: 0, nowhere: 0, keys: 0, cancels: 0 };

  const lost: Checker = {
    name: 'G1 accepted',
    get samples() {
      return counts.lost;
    },
    replied(operation, outcome, rows) {
      if (outcome.kind !== 'ok') return;
      const { name, key, tasks, n } = operation;
      if (name === 'submit') {
        const { id } = outcome.value as { id: string };
        const known = accepted.get(key);
        counts.keys += 1;
        if (known && known.id !== id) throw new Violation('G3 keys', `${key} is run ${known.id}, then ${id}`);
        accepted.set(key, { id, tasks: Math.max(known?.tasks ?? 0, tasks) });
        // Persist before acknowledge: the reply has just been heard, so the rows must be there already.
        const run = rows().runs.find((row) => row.key === key);
        if (!run) throw new Violation('G1 accepted', `${key} was accepted and is not in the store`);
      } else if (name === 'addTasks') {
        const known = accepted.get(key);
        if (known) accepted.set(key, { ...known, tasks: known.tasks + tasks });
      } else if (name === 'cancelTask') cancelledTasks.add(`${key}.${n}`);
      else if (name === 'cancelRun') cancelledRuns.add(key);
    },
    ended({ rows }) {
      for (const [key, { id, tasks }] of accepted) {
        const run = rows.runs.find((row) => row.key === key);
        if (!run || run.id !== id) throw new Violation('G1 accepted', `run ${id} of ${key} was accepted and is gone`);
        const found = rows.tasks.filter((row) => row.run === run.run).length;
        if (found < tasks) throw new Violation('G1 accepted', `${tasks} tasks of ${key} were accepted, ${found} are there`);
        counts.lost += tasks;
      }
    },
  };
  const nowhere: Checker = {
    name: 'G2 from nowhere',
    get samples() {
      return counts.nowhere;
    },
    replied({ name, key, tasks }) {
      if (name === 'submit' || name === 'addTasks') attempted.set(`${name} ${key}`, tasks);
    },
    ended({ rows }) {
      const seen = new Set<string>();
      for (const run of rows.runs) {
        const key = run.key ?? '';
        if (seen.has(key)) throw new Violation('G3 keys', `two runs of ${key}`);
        seen.add(key);
        const most = (attempted.get(`submit ${key}`) ?? -1) + (attempted.get(`addTasks ${key}`) ?? 0);
        const found = rows.tasks.filter((row) => row.run === run.run).length;
        counts.nowhere += found;
        if (found > most) throw new Violation('G2 from nowhere', `${found} tasks of ${key}, ${most} were submitted`);
      }
    },
  };
  const keys: Checker = {
    name: 'G3 keys',
    get samples() {
      return counts.keys;
    },
  };
  const cancels: Checker = {
    name: 'G14 cancel',
    get samples() {
      return counts.cancels;
    },
    ended({ rows }) {
      for (const run of rows.runs) {
        if (cancelledRuns.has(run.key ?? '')) {
          counts.cancels += 1;
          if (run.state !== 'cancelled') throw new Violation('G14 cancel', `run ${run.key} was cancelled and is ${run.state}`);
        }
        for (const task of rows.tasks) {
          if (task.run !== run.run || !cancelledTasks.has(`${run.key}.${task.n}`)) continue;
          counts.cancels += 1;
          if (task.state !== 'cancelled') throw new Violation('G14 cancel', `task ${run.key}.${task.n} was cancelled and is ${task.state}`);
        }
      }
    },
  };
  return [lost, nowhere, keys, cancels];
}
