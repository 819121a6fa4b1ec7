/** G18: from the first commit that failed to the next life of the coordinator, nobody is told that anything was done. */
import { type Checker, Violation } from '../history.ts';

export function createDoubtChecker(): Checker {
  let samples = 0;
  let inDoubt = false;
  return {
    name: 'G18 doubt',
    get samples() {
      return samples;
    },
    commitFailed() {
      samples += 1;
      inDoubt = true;
    },
    began() {
      inDoubt = false;
    },
    // Judged when it leaves: what left before the doubt may arrive in it.
    answered(request, ok) {
      if (inDoubt && ok) throw new Violation('G18 doubt', `${request} was confirmed after a commit had failed`);
    },
    sent(way, _wire, text) {
      if (!inDoubt || way === 'up') return;
      const { f, m } = JSON.parse(text) as { readonly f: string; readonly m?: readonly unknown[] };
      if (f === 'welcome' || (m?.length ?? 0) > 0) throw new Violation('G18 doubt', `${text.slice(0, 80)} left after a commit had failed`);
    },
  };
}
