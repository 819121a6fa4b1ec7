/** Where the programs under measurement lie. They are the built ones: what users start. */
import { join, resolve } from 'node:path';

/** The workspace; the same from `src` and from `dist`. */
export const ROOT = resolve(import.meta.dirname, '../../..');
export const PROGRAM = join(ROOT, 'apps/cli/dist/main.js');
export const PROGRAM_MANIFEST = join(ROOT, 'apps/cli/package.json');
export const VITEST = join(ROOT, 'node_modules/vitest');
/** Where the other runners are installed. */
export const RUNNERS = join(ROOT, 'packages/test-adapters/node_modules');
