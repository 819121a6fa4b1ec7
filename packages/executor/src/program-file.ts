/** Finds the programs of this package beside this file: as `.ts` in a checkout, as `.js` once built. */
import { fileURLToPath } from 'node:url';

/** Path and Node flags of the program `name`. */
export function programFile(name: 'reaper' | 'module-child'): { readonly path: string; readonly execArgv: readonly string[] } {
  const source = import.meta.url.endsWith('.ts');
  return {
    path: fileURLToPath(new URL(`./${name}.${source ? 'ts' : 'js'}`, import.meta.url)),
    execArgv: source ? ['--conditions=@holdfast/source'] : [],
  };
}
