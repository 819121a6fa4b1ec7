/** Fans the events of runs out to those who watch them. Knows nothing of sockets. */
import type { RunId } from '@holdfast/model';
import type { RunEvent } from '@holdfast/results';

export interface RunEvents {
  publish(id: RunId, event: RunEvent): void;
  /** Calls `listener` for every event of the run from now on; returns what ends that. */
  watch(id: RunId, listener: (event: RunEvent) => void): () => void;
  /** Open watches of all runs. */
  readonly size: number;
}

/** Creates a hub. A listener must not throw: what it throws ends the node. */
export function createRunEvents(): RunEvents {
  const byRun = new Map<RunId, Set<(event: RunEvent) => void>>();
  return {
    publish(id, event) {
      for (const listener of byRun.get(id) ?? []) listener(event);
    },
    watch(id, listener) {
      const listeners = byRun.get(id) ?? new Set();
      byRun.set(id, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && byRun.get(id) === listeners) byRun.delete(id);
      };
    },
    get size() {
      let size = 0;
      for (const listeners of byRun.values()) size += listeners.size;
      return size;
    },
  };
}
