/** Reads a list of commands: one a line, quoted like in a shell but never given to one. */
import { bad, ok, type Result } from '@holdfast/kernel';
import { splitWords } from './words.ts';

/** One command of a list. */
export interface ListedCommand {
  /** Program and arguments, length ≥ 1. */
  readonly argv: readonly string[];
  /** 1-based. */
  readonly line: number;
}

/**
 * The commands of a text, in order. Empty lines and those that begin with `#` are skipped.
 * Bad: the first line that only a shell could run, named by its number.
 */
export function readCommandList(text: string): Result<readonly ListedCommand[], string> {
  const commands: ListedCommand[] = [];
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    const split = splitWords(content);
    if (split.kind === 'fault') {
      return bad(`line ${index + 1} ${split.reason}; Holdfast starts programs without a shell: quote it, or write sh -c '...'`);
    }
    if (split.words.length > 0) commands.push({ argv: split.words, line: index + 1 });
  }
  return ok(commands);
}
