/** Waiting for something that another process does: on a condition, with a deadline that names what was awaited. */

/** Resolves with the first answer that is neither undefined nor false. Fails after `deadlineMs`, with `state()` in the message. */
export async function until<Value>(
  awaited: string,
  look: () => Value | undefined | false | Promise<Value | undefined | false>,
  deadlineMs = DEADLINE_MS,
  state: () => string = () => '',
): Promise<Value> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms for ${awaited}\n${state()}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** `promise`, or a failure that names what was awaited. */
export async function within<Value>(
  awaited: string,
  promise: Promise<Value>,
  deadlineMs = DEADLINE_MS,
  state = (): string => '',
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${deadlineMs} ms for ${awaited}\n${state()}`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export const DEADLINE_MS = 30_000;
const LOOK_AGAIN_MS = 10;
