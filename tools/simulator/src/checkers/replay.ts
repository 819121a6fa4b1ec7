/** G16: the event log, replayed by rules of its own, gives exactly the tables; versions and numbers have no gaps. */
import type { Checker } from '../history.ts';
import { Violation } from '../history.ts';

interface Replayed {
  version: number;
  state: string;
  fence: number;
  epoch: number;
}

export function createReplayChecker(): Checker {
  let samples = 0;
  return {
    name: 'G16 replay',
    get samples() {
      return samples;
    },
    ended({ rows }) {
      const tasks = new Map<string, Replayed>();
      const runs = new Map<number, { version: number; state: string }>();
      const fail = (text: string): never => {
        throw new Violation('G16 replay', text);
      };
      rows.events.forEach((event, index) => {
        samples += 1;
        if (event.seq !== index + 1) fail(`event ${index + 1} has number ${event.seq}`);
        if (event.kind === 'tasks.added') {
          for (let n = event.n; n < event.n + event.count; n += 1) {
            if (tasks.has(`${event.run}.${n}`)) fail(`task ${event.run}.${n} was added twice`);
            tasks.set(`${event.run}.${n}`, { version: 1, state: event.state, fence: event.fence, epoch: 0 });
          }
          return;
        }
        if (event.n === 0) {
          const version = runs.get(event.run)?.version ?? 0;
          if (event.version !== version + 1) fail(`run ${event.run}: version ${event.version} follows ${version}`);
          runs.set(event.run, { version: event.version, state: event.state });
          return;
        }
        const key = `${event.run}.${event.n}`;
        const task = tasks.get(key) ?? fail(`event ${event.kind} of ${key}, which was not added`);
        if (event.version !== task.version + 1) fail(`task ${key}: version ${event.version} follows ${task.version}`);
        if (event.fence < task.fence) fail(`task ${key}: fence ${event.fence} follows ${task.fence}`);
        if (event.kind === 'task.granted') {
          if (event.epoch !== task.epoch + 1) fail(`task ${key}: epoch ${event.epoch} follows ${task.epoch}`);
          task.epoch = event.epoch;
        }
        task.version = event.version;
        task.state = event.state;
        task.fence = event.fence;
      });
      if (tasks.size !== rows.tasks.length) fail(`${tasks.size} tasks in the log, ${rows.tasks.length} in the table`);
      if (runs.size !== rows.runs.length) fail(`${runs.size} runs in the log, ${rows.runs.length} in the table`);
      for (const row of rows.tasks) {
        const task = tasks.get(`${row.run}.${row.n}`)!;
        const found = `${row.state} v${row.version} fence ${row.fence} epoch ${row.epoch}`;
        const wanted = `${task.state} v${task.version} fence ${task.fence} epoch ${task.epoch}`;
        if (found !== wanted) fail(`task ${row.run}.${row.n} is ${found}, the log says ${wanted}`);
      }
      for (const row of rows.runs) {
        const run = runs.get(row.run)!;
        if (row.state !== run.state || row.version !== run.version)
          fail(`run ${row.run} is ${row.state} v${row.version}, the log says ${run.state} v${run.version}`);
        const states = new Map<string, number>();
        for (const task of rows.tasks) if (task.run === row.run) states.set(task.state, (states.get(task.state) ?? 0) + 1);
        const { passed, failed, errored, timedOut, cancelled, deadLetter, remaining, total } = row.counts;
        const counted = [passed, failed, errored, timedOut, cancelled, deadLetter];
        const real = ['passed', 'failed', 'errored', 'timed_out', 'cancelled', 'dead_letter'].map((state) => states.get(state) ?? 0);
        const sum = real.reduce((all, count) => all + count, 0);
        const size = rows.tasks.filter((task) => task.run === row.run).length;
        if (String(counted) !== String(real) || total !== size || remaining !== size - sum)
          fail(`run ${row.run} counts ${String([...counted, remaining, total])}, its tasks are ${String([...real, size - sum, size])}`);
      }
    },
  };
}
