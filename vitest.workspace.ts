import { defineProject } from 'vitest/config';

// Vitest 4 and later no longer reads this file by itself: vitest.config.ts imports it.
const conditions = ['@holdfast/source'];
const source = { resolve: { conditions }, ssr: { resolve: { conditions } } };

export default [
  defineProject({
    ...source,
    test: {
      name: 'packages',
      include: ['packages/*/test/**/*.test.ts', 'tools/*/test/**/*.test.ts'],
      exclude: ['tools/e2e/**', '**/fixtures/**'],
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
