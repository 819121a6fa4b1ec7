import fc from 'fast-check';
import { expect, expectTypeOf, test } from 'vitest';
import { flagOf, type Origin, resolveSettings, type SettingsSources, variableOf } from '../src/resolve.ts';
import { COORDINATOR_SETTINGS, RUN_SETTINGS, type RunSettings, SECTIONS, WORKER_SETTINGS } from '../src/settings.ts';

function run(sources: SettingsSources) {
  const resolved = resolveSettings(RUN_SETTINGS, sources);
  if (!resolved.ok) throw resolved.problem;
  return resolved.value;
}

test('P1 precedence: the same setting everywhere -> flag, environment, file, default in that order', () => {
  const file = { retries: 1 };
  const env = { HOLDFAST_RETRIES: '2' };
  const flags = { retries: '3' };
  const seen = [{}, { file, filePath: 'f.ts' }, { file, env }, { file, env, flags }].map((sources) => {
    const { values, origins } = run(sources);
    return [values.retries, origins.retries];
  });
  expect(seen).toEqual([
    [0, { source: 'default' }],
    [1, { source: 'file', name: 'f.ts' }],
    [2, { source: 'environment', name: 'HOLDFAST_RETRIES' }],
    [3, { source: 'flag', name: '--retries' }],
  ]);
});

test('P1 precedence: any subset of sources -> the highest present wins', () => {
  const order = ['flag', 'environment', 'file', 'default'];
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), fc.boolean(), (flagged, set, written) => {
      const origin: Origin = run({
        ...(flagged ? { flags: { workers: 5 } } : {}),
        ...(set ? { env: { HOLDFAST_WORKERS: '6' } } : {}),
        ...(written ? { file: { workers: 7 } } : {}),
      }).origins.workers;
      expect(origin.source).toBe(order[[flagged, set, written, true].indexOf(true)]);
    }),
  );
});

test('P2 absence: undefined flags and empty variables -> the next source', () => {
  const { values, origins } = run({ flags: { workers: undefined }, env: { HOLDFAST_WORKERS: '' }, file: { workers: 7 } });
  expect([values.workers, origins.workers.source]).toEqual([7, 'file']);
});

test('kinds: texts of every kind from the environment -> values', () => {
  const { values } = run({
    env: {
      HOLDFAST_WORKERS: '3',
      HOLDFAST_TIMEOUT: '90',
      HOLDFAST_REPORTER: 'junit=a.xml, markdown',
      HOLDFAST_ENV: 'A=1,B=x=y',
      HOLDFAST_FAIL_FAST: 'yes',
      HOLDFAST_TOKEN_FILE: '/t',
      HOLDFAST_LOG_LEVEL: 'debug',
    },
  });
  expect(values).toMatchObject({
    workers: 3,
    timeout: 90_000,
    reporter: ['junit=a.xml', 'markdown'],
    env: { A: '1', B: 'x=y' },
    failFast: true,
    tokenFile: '/t',
    logLevel: 'debug',
  });
});

test('kinds: a policy as JSON in a variable and as an object in a file -> the same value', () => {
  const policy = { commands: ['node'], memoryMax: '1GiB', descriptorsMax: 256 };
  const resolved = [{ env: { HOLDFAST_POLICY: JSON.stringify(policy) } }, { file: { policy } }].map((sources) =>
    resolveSettings(WORKER_SETTINGS, sources),
  );
  for (const one of resolved) {
    expect(one.ok && one.value.values.policy).toEqual({ commands: ['node'], memoryMax: 1_073_741_824, descriptorsMax: 256 });
  }
});

test('kinds: values that a flag parser has already read -> validated all the same', () => {
  expect(run({ flags: { failFast: true, files: ['a', 'b'] } }).values).toMatchObject({ failFast: true, files: ['a', 'b'] });
  expect(resolveSettings(RUN_SETTINGS, { flags: { workers: 1.5 } }).ok).toBe(false);
});

test('P3 mistakes: in a flag, a variable and a file -> all told, each with its place', () => {
  const resolved = resolveSettings(RUN_SETTINGS, {
    flags: { workers: 'many' },
    env: { HOLDFAST_LOG_LEVEL: 'loud', HOLDFAST_ENV: 'novalue' },
    file: { retries: -1 },
    filePath: '/r/holdfast.config.json',
  });
  if (resolved.ok) throw new Error('expected mistakes');
  expect(resolved.problem.code).toBe('CONFIG_INVALID');
  expect(resolved.problem.message).toContain('use --workers: workers must be a whole number from 0 to 1024, not "many"');
  expect((resolved.problem.details['mistakes'] as { where: string }[]).map(({ where }) => where)).toEqual([
    '--workers',
    '/r/holdfast.config.json',
    'HOLDFAST_ENV',
    'HOLDFAST_LOG_LEVEL',
  ]);
});

test('P3 mistakes: an unknown field of a policy in a variable -> the nearest field', () => {
  const resolved = resolveSettings(WORKER_SETTINGS, { env: { HOLDFAST_POLICY: '{"comands":[]}' } });
  expect(!resolved.ok && resolved.problem.message).toBe(
    'use HOLDFAST_POLICY: policy.comands is not a setting; did you mean policy.commands?',
  );
});

test('names: camel case -> variable and flag', () => {
  expect([variableOf('tokenFile'), variableOf('data'), flagOf('allowedHosts')]).toEqual([
    'HOLDFAST_TOKEN_FILE',
    'HOLDFAST_DATA',
    '--allowed-hosts',
  ]);
});

test('defaults: with nothing said -> every section resolves', () => {
  for (const section of Object.values(SECTIONS)) expect(resolveSettings(section, {}).ok).toBe(true);
  const coordinator = resolveSettings(COORDINATOR_SETTINGS, {});
  expect(coordinator.ok && coordinator.value.values.listen).toMatch(/^127\.0\.0\.1:/);
});

test('types: a default makes a value certain', () => {
  expectTypeOf<RunSettings['retries']>().toEqualTypeOf<number>();
  expectTypeOf<RunSettings['workers']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<RunSettings['files']>().toEqualTypeOf<readonly string[] | undefined>();
});

test('repeated flags: one pair each, commas and signs of equality included -> a record; a pair without a name is named', () => {
  expect(run({ flags: { env: ['A=1', 'B=x,y=z', 'C='] } }).values.env).toEqual({ A: '1', B: 'x,y=z', C: '' });
  expect(resolveSettings(RUN_SETTINGS, { flags: { env: ['A=1', 'oops'] } })).toMatchObject({
    ok: false,
    problem: { message: expect.stringContaining('--env') },
  });
  expect(run({ flags: { files: ['a,b.js', 'c.js'] } }).values.files).toEqual(['a,b.js', 'c.js']);
});
