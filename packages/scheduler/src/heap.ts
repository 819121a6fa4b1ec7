/** A binary heap of entries with a numeric key; equal keys leave in order of arrival. */
export interface Heap<Value> {
  push(key: number, value: Value): void;
  /** The least entry, which stays. */
  peek(): Value | undefined;
  peekKey(): number;
  pop(): Value | undefined;
  readonly size: number;
}

/** Creates an empty heap. Complexity: O(log n) a push and pop. Keys and arrival numbers stand in arrays of their own: the comparisons touch no object. */
export function createHeap<Value>(): Heap<Value> {
  const keys: number[] = [];
  const arrivals: number[] = [];
  const values: Value[] = [];
  let arrived = 0;

  const before = (keyA: number, arrivalA: number, index: number): boolean => {
    const key = keys[index]!;
    return keyA < key || (keyA === key && arrivalA < arrivals[index]!);
  };
  const set = (index: number, key: number, arrival: number, value: Value): void => {
    keys[index] = key;
    arrivals[index] = arrival;
    values[index] = value;
  };

  function sink(key: number, arrival: number, value: Value): void {
    const { length } = keys;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && before(keys[child + 1]!, arrivals[child + 1]!, child)) child += 1;
      if (before(key, arrival, child)) break;
      set(index, keys[child]!, arrivals[child]!, values[child]!);
      index = child;
    }
    set(index, key, arrival, value);
  }

  return {
    push(key, value) {
      arrived += 1;
      let index = keys.length;
      while (index > 0) {
        const parent = (index - 1) >> 1;
        if (!before(key, arrived, parent)) break;
        set(index, keys[parent]!, arrivals[parent]!, values[parent]!);
        index = parent;
      }
      set(index, key, arrived, value);
    },
    peek: () => values[0],
    peekKey: () => keys[0] ?? Infinity,
    pop() {
      const first = values[0];
      const key = keys.pop();
      const arrival = arrivals.pop();
      const last = values.pop();
      if (keys.length > 0) sink(key!, arrival!, last!);
      return first;
    },
    get size() {
      return keys.length;
    },
  };
}
