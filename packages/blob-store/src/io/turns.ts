/** One at a time by key: what is done under the same key waits for what was begun before it. */
export interface Turns<Key> {
  take<Value>(key: Key, act: () => Promise<Value>): Promise<Value>;
}

/** Creates turns; keys are forgotten when nobody waits for them. */
export function createTurns<Key>(): Turns<Key> {
  const last = new Map<Key, Promise<unknown>>();
  return {
    take(key, act) {
      const before = last.get(key);
      const turn = (async () => {
        // How the one before ended is its caller's business.
        await before?.catch(() => undefined);
        return act();
      })();
      last.set(key, turn);
      void turn
        .catch(() => undefined)
        .then(() => {
          if (last.get(key) === turn) last.delete(key);
        });
      return turn;
    },
  };
}
