/** Keeps a machine's story, the last transitions as digests, and hangs it on every error that leaves the machine. */
import { CodedError, createStory, type Machine, type MonoMs } from '@holdfast/kernel';

/** The same machine; errors thrown by it carry `details.story`, oldest first, at most 64 entries. `stateOf` names its present state. */
export function told<Input extends { readonly kind: string }, Effect, Snapshot>(
  machine: Machine<Input, Effect, Snapshot>,
  stateOf: () => string,
): Machine<Input, Effect, Snapshot> {
  const story = createStory(STORY_MAX);
  const act = (name: string, now: MonoMs, run: () => readonly Effect[]): readonly Effect[] => {
    const from = stateOf();
    try {
      const effects = run();
      const to = stateOf();
      if (from !== to) story.add(now, `${from} ${name} ${to}`);
      return effects;
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      const details = { ...error.details, state: from, input: name, story: story.entries() };
      throw new CodedError(error.code, error.message, { retryable: error.retryable, details, cause: error });
    }
  };
  return {
    handle: (input, now) => act(input.kind, now, () => machine.handle(input, now)),
    tick: (now) => act('tick', now, () => machine.tick(now)),
    deadline: () => machine.deadline(),
    snapshot: () => machine.snapshot(),
  };
}

const STORY_MAX = 64;
