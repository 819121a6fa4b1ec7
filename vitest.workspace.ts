import { defineProject } from 'vitest/config';

// Vitest 4 and later no longer reads this file by itself: vitest.config.ts imports it.
const conditions = ['@holdfast/source'];
const source = { resolve: { conditions }, ssr: { resolve: { conditions } } };

export default [
  defineProject({
    ...source,
    test: {
      name: 'packages',
      include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'tools/*/test/**/*.test.ts'],
      exclude: ['tools/e2e/**', '**/fixtures/**'],
      // A guard against hanging, never a verdict on speed: machines are shared and noisy.
      testTimeout: 60_000,
      hookTimeout: 60_000,
    },
  }),
  defineProject({
    ...source,
    test: {
      name: 'e2e',
      include: ['tools/e2e/test/**/*.test.ts'],
      exclude: ['**/fixtures/**'],
      testTimeout: 180_000,
      hookTimeout: 60_000,
      fileParallelism: false,
    },
  }),
];
