/** A machine, and the loop that drives it: says when nothing came for a second. */
import { drive, durationMs, after, type Machine, type MonoMs } from '@holdfast/kernel';
import { nodeClock, nodeTimers } from '@holdfast/kernel/node';

/** Says when nothing came for a second. */
function createWatch(): Machine<'beat', 'alarm', { readonly due: MonoMs | undefined }> {
  let due: MonoMs | undefined;
  return {
    handle(_beat, now) {
      due = after(now, durationMs(1000));
      return [];
    },
    tick(now) {
      if (due === undefined || now < due) return [];
      due = undefined;
      return ['alarm'];
    },
    deadline: () => due,
    snapshot: () => ({ due }),
  };
}

const watch = drive(createWatch(), {
  clock: nodeClock,
  timers: nodeTimers,
  perform: (effect) => console.log(effect),
  crashed: (error) => {
    throw error;
  },
});
watch.offer('beat');
// A second later: alarm. Then nothing waits any more, and the process ends.
