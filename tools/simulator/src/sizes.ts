/**
 * How large what travels is: tasks, results, logs and checkpoints, up to what the edges let in and a little beyond what a worker can tell.
 *
 * Texts are of one kind of character each: of one byte, of several, and of such that JSON writes with two or six.
 */
import type { Random } from '@holdfast/kernel';
import type { CaseResult, Json, TaskBody } from '@holdfast/model';

/** How often something is large: never, now and then, mostly. */
export type Sizes = 'small' | 'mixed' | 'large';

const SHARE: Readonly<Record<Sizes, number>> = { small: 0, mixed: 0.05, large: 0.4 };

export const isLarge = (sizes: Sizes, random: Random): boolean => random.chance(SHARE[sizes]);

/** A body as large as the HTTP edge lets in: a task of 64 KiB. */
export function largeBody(random: Random): TaskBody {
  const argv: string[] = ['x'];
  const piece = filler(random, 1000 + random.below(7000));
  const most = random.pick([20_000, 60_000, 64_800]);
  let bytes = 0;
  for (const length = jsonBytes(piece); bytes + length < most && argv.length < 256; bytes += length) argv.push(piece);
  return { kind: 'command', argv };
}

/** Cases of a result of up to two messages' size; now and then one that no message can carry as it is. */
export function largeCases(random: Random, name: string): CaseResult[] {
  const message = filler(random, random.pick([10, 500, 8192]));
  const count = Math.min(random.pick([1, 70, 2000]), Math.ceil(400_000 / jsonBytes(message)));
  const stack = random.chance(0.1) ? { stack: filler(random, random.pick([32_768, 32_769, 300_000])) } : {};
  const titleLength = random.chance(0.05) ? 5000 : 20;
  return Array.from({ length: count }, (_, index) => ({
    path: [name, `case ${index + 1} `.padEnd(titleLength, 'x')],
    file: 'a.test.ts',
    grade: index === 0 ? 'failed' : 'passed',
    durationMs: 1,
    attempts: 1,
    ...(index % 2 === 0 ? { failure: { message, ...(index === 0 ? stack : {}) } } : {}),
  }));
}

/** What an attempt prints at once: nothing, or as much as one message may carry. */
export const largeLog = (random: Random): string => {
  const length = random.pick([0, 1, 65_535, 65_536]);
  // Of escapes a quarter: the executor cuts by bytes.
  return filler(random, length).slice(0, 65_536 >> 1);
};

/** A checkpoint of up to what a message carries, or one too large to be told. */
export const largeState = (random: Random): Json => filler(random, random.pick([1000, 100_000, 200_000, 262_000, 262_145]));

function filler(random: Random, length: number): string {
  const piece = random.pick(['x', 'x', 'ä', '"', '😀', '\u0001']);
  return piece.repeat(Math.floor(length / piece.length));
}

const jsonBytes = (value: string): number => new TextEncoder().encode(JSON.stringify(value)).byteLength + 1;
