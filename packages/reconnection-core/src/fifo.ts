/** A queue with indexed access; every operation is O(1), amortised. */

export interface Fifo<Item> {
  push(item: Item): void;
  shift(): Item | undefined;
  /** 0 is the oldest. */
  at(index: number): Item | undefined;
  clear(): void;
  readonly length: number;
}

/** Creates an empty queue. */
export function createFifo<Item>(): Fifo<Item> {
  let items: (Item | undefined)[] = [];
  let head = 0;
  return {
    push: (item) => void items.push(item),
    shift() {
      if (head >= items.length) return undefined;
      const item = items[head];
      items[head] = undefined;
      head += 1;
      if (head === items.length) {
        items = [];
        head = 0;
      } else if (head >= COMPACT_AT && head * 2 >= items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    at: (index) => items[head + index],
    clear() {
      items = [];
      head = 0;
    },
    get length() {
      return items.length - head;
    },
  };
}

const COMPACT_AT = 64;
