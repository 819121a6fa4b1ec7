import { openTestPostgres } from '@holdfast/test-postgres';
import { conformance } from '@holdfast/task-store/conformance';
import { afterAll, test } from 'vitest';
import { openBlocking } from './fixtures/postgres-store.ts';

const postgres = await openTestPostgres();
const store = await openBlocking(await postgres.fresh());
afterAll(async () => {
  store.close();
  await postgres.close();
});

// One store for all stories, emptied in between: migrating anew would take longer than the stories.
conformance(
  (name, run) => test(`postgres ${name}`, run),
  () => {
    store.empty();
    return Promise.resolve({ ...store, close: () => {} });
  },
);
