/**
 * The first setup file of every vitest project: tells slots apart.
 *
 * vitest sets these variables to 1 in each of its processes, after start, so that no environment of ours would help:
 * two slots on one machine would share a database or a port that a suite derives from them.
 */
const slot = typeof process === 'undefined' ? undefined : process.env['HOLDFAST_SLOT'];
if (slot !== undefined) {
  process.env['VITEST_POOL_ID'] = String(Number(slot) + 1);
  process.env['VITEST_WORKER_ID'] = String(Number(slot) + 1);
}
