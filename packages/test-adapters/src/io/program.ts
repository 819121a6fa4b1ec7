/** Finds the programs of this package beside the code that asks: as `.ts` in a checkout, as `.js` once built. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The absolute path of a program in `io/`, from the URL of any module of this package. */
export function siblingProgram(from: string, name: string): string {
  const extension = from.endsWith('.ts') ? 'ts' : 'js';
  // A bundler may have moved the code that asks out of `io/` into a shared chunk.
  const candidates = [`./${name}.${extension}`, `./io/${name}.${extension}`].map((path) => fileURLToPath(new URL(path, from)));
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined)
    throw new Error(`the program ${name} of @holdfast/test-adapters is missing; it was looked for in ${candidates.join(' and ')}`);
  return found;
}

/** The absolute path of a file of this package, named from its root. */
export function packageFile(from: string, path: string): string {
  const found = ['..', '../..', '../../..'].map((up) => fileURLToPath(new URL(`${up}/${path}`, from))).find((each) => existsSync(each));
  if (found === undefined) throw new Error(`${path} of @holdfast/test-adapters is missing`);
  return found;
}
