/** G4: after the faults everything ends; nothing is left behind in memory, and memory never outgrew the work. */
import { type Checker, Violation } from '../history.ts';

export function createLivenessChecker(): Checker {
  let samples = 0;
  return {
    name: 'G4 liveness',
    get samples() {
      return samples;
    },
    ended({ rows, pending }) {
      samples += rows.tasks.length;
      if (pending.length > 0) throw new Violation('G4 liveness', pending.slice(0, 12).join('; '));
    },
  };
}

export function createMemoryChecker(limits: Readonly<Record<string, number>>): Checker {
  let samples = 0;
  return {
    name: 'bounded memory',
    get samples() {
      return samples;
    },
    sized(sizes) {
      samples += 1;
      for (const [name, size] of Object.entries(sizes)) {
        const most = limits[name];
        if (most !== undefined && size > most) throw new Violation('bounded memory', `${name} is ${size}, at most ${most} are justified`);
      }
    },
  };
}
