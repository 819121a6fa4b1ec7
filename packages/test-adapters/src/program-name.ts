/** The name of a program however it was written: `node_modules/.bin/vitest`, `vitest.cmd`, `node_modules/vitest/vitest.mjs`. */
export function programName(program: string): string {
  const name = program.replaceAll('\\', '/').split('/').at(-1) ?? '';
  return name.replace(/\.(cmd|exe|ps1|mjs|cjs|js)$/i, '');
}

/** Programs that run tests when they are named alone or with arguments. */
export const RUNNER_PROGRAMS: ReadonlySet<string> = new Set(['vitest', 'jest', 'mocha', '_mocha', 'playwright']);
