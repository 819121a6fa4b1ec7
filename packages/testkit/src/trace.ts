/** What a flaky world does to a good story: an event comes twice, out of order, or never. */

/** One way in which a trace was changed, for the name of a failing test. */
export interface MutatedTrace<Event> {
  /** `duplicate 3`, `swap 3`, `drop 3`; the number is the 0-based index of the event. */
  readonly name: string;
  readonly events: readonly Event[];
}

/** All single mutations of `events`: each duplicated, each swapped with its right neighbour, each dropped. 3n-1 traces. */
export function mutateTrace<Event>(events: readonly Event[]): MutatedTrace<Event>[] {
  const mutated: MutatedTrace<Event>[] = [];
  for (let index = 0; index < events.length; index += 1) {
    const before = events.slice(0, index);
    const event = events[index]!;
    const behind = events.slice(index + 1);
    mutated.push({ name: `duplicate ${index}`, events: [...before, event, event, ...behind] });
    if (behind.length > 0) mutated.push({ name: `swap ${index}`, events: [...before, behind[0]!, event, ...behind.slice(1)] });
    mutated.push({ name: `drop ${index}`, events: [...before, ...behind] });
  }
  return mutated;
}
