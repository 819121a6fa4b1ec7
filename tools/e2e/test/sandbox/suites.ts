/** Test files for the projects of sandboxes. */

/** One node:test file per name; each waits at its gate. */
export const nodeSuite = (names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names.map((name) => [
      `test/${name}.test.js`,
      `import test from 'node:test';\nimport { pass } from '../gate.js';\ntest('${name} passes', () => pass('${name}'));\n`,
    ]),
  );

/** One vitest file per name; each waits at its gate. */
export const vitestSuite = (names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names.map((name) => [
      `test/${name}.test.js`,
      `import { test } from 'vitest';\nimport { pass } from '../gate.js';\ntest('${name} passes', { timeout: 120_000 }, () => pass('${name}'));\n`,
    ]),
  );

/** A node:test file with this body for its only test. */
export const nodeTest = (name: string, body = ''): string =>
  `import test from 'node:test';\nimport assert from 'node:assert/strict';\nvoid assert;\ntest('${name}', async (t) => { void t;\n${body}\n});\n`;

export const namesTo = (count: number): string[] => Array.from({ length: count }, (_, index) => String.fromCharCode(97 + index));
