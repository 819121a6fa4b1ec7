/** One cell of a transition table, and the diagram of a whole one. */

/** What happens to one input in one state. */
export interface Cell<State> {
  /** All states it may lead to; the present one means that it may stay. */
  readonly next: readonly State[];
  /** What it does; for an ignored input, why. */
  readonly does: string;
  /** True: no effect and no change, ever. */
  readonly ignored: boolean;
}

/** An input that does something, or may. */
export const go = <const State extends string>(next: readonly State[], does: string): Cell<State> => ({ next, does, ignored: false });
/** An input without any effect, and why. */
export const ignore = <const State extends string>(state: State, does: string): Cell<State> => ({ next: [state], does, ignored: true });

/** A Mermaid state diagram of a table: one arrow per pair of different states, labelled with its inputs. */
export function diagram<State extends string>(table: Readonly<Record<State, Readonly<Record<string, Cell<State>>>>>): string {
  const lines = ['stateDiagram-v2'];
  const states = Object.keys(table) as State[];
  lines.push(`  [*] --> ${states[0]}`);
  for (const from of states) {
    for (const to of states) {
      if (from === to) continue;
      const columns = Object.entries<Cell<State>>(table[from]).filter(([, cell]) => cell.next.includes(to));
      if (columns.length > 0) lines.push(`  ${from} --> ${to}: ${columns.map(([column]) => column).join(', ')}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
