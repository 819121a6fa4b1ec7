/** Advises on commands of no known runner: how to run them one file at a time. */
import type { ProjectFacts } from './adapter.ts';
import { resolveCommand } from './command.ts';
import { programName } from './program-name.ts';
import { joinWords } from './words.ts';

/** The command line to type instead, which runs each file that the given one names in a process of its own. */
export function perFileCommand(argv: readonly string[], project: ProjectFacts): string {
  const resolved = resolveCommand(argv, project);
  const words = resolved.kind === 'command' ? resolved.command.argv : argv;
  const at = words.findIndex((word, index) => index > 0 && isFiles(word));
  const [program = '', ...flags] = at < 0 ? words : words.slice(0, at);
  const globs = words.filter((word, index) => index > 0 && isFiles(word));
  const files = (globs.length === 0 ? ['test/**/*.js'] : globs).map((glob) => `--files '${glob}'`).join(' ');
  const runner = programName(program);
  const known = RUNNERS.has(runner);
  // Nothing is known of it: a person will see what to change.
  if (!known && at < 0) return `holdfast run ${files} -- ${joinWords(argv)} {file}`;
  return `holdfast run ${files} -- ${joinWords([...(known ? ['npx', runner] : [program]), ...flags])} {file}`;
}

const isFiles = (word: string): boolean => !word.startsWith('-') && (/\.[cm]?[jt]sx?$/.test(word) || word.includes('*'));

const RUNNERS: ReadonlySet<string> = new Set('tape mocha ava uvu tap jasmine'.split(' '));
