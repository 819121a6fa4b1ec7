import { EMPTY_HISTORY, type DurationHistory, updateHistory } from '@holdfast/results';
import { expect, test } from 'vitest';
import { type PlanOptions, planRun } from '../src/run/plan.ts';
import { newPlace } from './place.ts';

const options = (change: Partial<PlanOptions>): PlanOptions => ({
  command: [],
  cwd: newPlace(),
  files: undefined,
  commands: undefined,
  modules: undefined,
  results: undefined,
  env: {},
  retries: 0,
  timeoutMs: 0,
  lastFailed: false,
  processEnv: process.env,
  ...change,
});

const history = (units: readonly (readonly [string, 'passed' | 'failed', number])[]): DurationHistory =>
  updateHistory(EMPTY_HISTORY, { id: 'r', units: units.map(([unit, grade, durationMs]) => ({ unit, grade, durationMs })) } as never);

const argvOf = async (change: Partial<PlanOptions>, known: DurationHistory = EMPTY_HISTORY): Promise<unknown[]> => {
  const { tasks } = await planRun(options(change)).tasks(known);
  return tasks.map((task) => (task.body as { readonly argv?: unknown }).argv);
};

test('--files with {file} -> one command per file, {file} filled in wherever it stands', async () => {
  const cwd = newPlace({ 'test/b.js': '', 'test/a.js': '', 'test/deep/c.js': '', 'other.js': '' });
  const plan = planRun(
    options({ cwd, files: ['test/**/*.js'], command: ['node', '--x={file}', '{file}'], retries: 2, timeoutMs: 5000, env: { A: '1' } }),
  );
  expect(plan).toMatchObject({ title: "node '--x={file}' '{file}'", cwd, suite: undefined, spec: { env: { A: '1' } } });
  const { tasks, runner } = await plan.tasks(EMPTY_HISTORY);
  expect(runner).toBe('one command per file');
  expect(tasks.map((task) => task.name).toSorted()).toEqual(['test/a.js', 'test/b.js', 'test/deep/c.js']);
  const one = tasks.find((task) => task.name === 'test/a.js');
  expect(one).toEqual({
    name: 'test/a.js',
    body: { kind: 'command', argv: ['node', '--x=test/a.js', 'test/a.js'] },
    policy: { retries: 2, timeoutMs: 5000 },
    predictedMs: 0,
  });
});

test('--files with history -> longest first, and --last-failed only what failed', async () => {
  const cwd = newPlace({ 'a.js': '', 'b.js': '', 'c.js': '' });
  const known = history([
    ['a.js', 'passed', 10],
    ['b.js', 'failed', 3000],
    ['c.js', 'passed', 200],
  ]);
  const change = { cwd, files: ['*.js'], command: ['node', '{file}'] };
  expect(await argvOf(change, known)).toEqual([
    ['node', 'b.js'],
    ['node', 'c.js'],
    ['node', 'a.js'],
  ]);
  expect(await argvOf({ ...change, lastFailed: true }, known)).toEqual([['node', 'b.js']]);
});

test('--last-failed when nothing failed, --files that match nothing -> NOTHING_TO_RUN, exit code 5', async () => {
  const cwd = newPlace({ 'a.js': '' });
  const nothing = expect.objectContaining({ code: 'NOTHING_TO_RUN', details: { exitCode: 5 } }) as Error;
  await expect(
    argvOf({ cwd, files: ['*.js'], command: ['node', '{file}'], lastFailed: true }, history([['a.js', 'passed', 1]])),
  ).rejects.toEqual(nothing);
  await expect(argvOf({ cwd, files: ['*.ts'], command: ['node', '{file}'] })).rejects.toEqual(nothing);
});

test('--commands -> one task a line, words as a shell would split them; comments and empty lines are none', async () => {
  const cwd = newPlace({ 'list.txt': "# first\nnode 'a b.js'\n\n  echo two  \n" });
  const plan = planRun(options({ cwd, commands: 'list.txt' }));
  expect(plan.title).toBe('commands of list.txt');
  const { tasks } = await plan.tasks(EMPTY_HISTORY);
  expect(tasks.map((task) => task.body)).toEqual([
    { kind: 'command', argv: ['node', 'a b.js'] },
    { kind: 'command', argv: ['echo', 'two'] },
  ]);
  expect(await argvOf({ cwd, commands: 'list.txt', lastFailed: true }, history([['echo two', 'failed', 1]]))).toEqual([['echo', 'two']]);
});

test('--commands: an absolute path works, a file that is missing is a usage error, an empty one is nothing to run', async () => {
  const cwd = newPlace({ 'list.txt': 'echo one', 'empty.txt': '# nothing\n' });
  expect(await argvOf({ commands: `${cwd}/list.txt` })).toEqual([['echo', 'one']]);
  await expect(argvOf({ cwd, commands: 'nope.txt' })).rejects.toMatchObject({ code: 'CLI_USAGE', details: { exitCode: 2 } });
  await expect(argvOf({ cwd, commands: 'empty.txt' })).rejects.toMatchObject({ code: 'NOTHING_TO_RUN' });
});

test('--results -> {file} and {n} are filled in', async () => {
  const cwd = newPlace({ 'a.js': '' });
  const { tasks } = await planRun(
    options({ cwd, files: ['*.js'], command: ['node', '{file}'], results: 'junit:out/{n}/{file}.xml' }),
  ).tasks(EMPTY_HISTORY);
  expect(tasks[0]?.body).toMatchObject({ results: { format: 'junit', path: 'out/1/a.js.xml' } });
});

test.each(['xml', 'junit', 'junit:', 'tap:out.tap'])('--results %s -> CLI_USAGE, exit code 2', async (results) => {
  const cwd = newPlace({ 'a.js': '' });
  await expect(argvOf({ cwd, files: ['*.js'], command: ['node', '{file}'], results })).rejects.toMatchObject({
    code: 'CLI_USAGE',
    details: { exitCode: 2 },
  });
});

test('an unknown runner without {file} -> CLI_USAGE that shows what would work', () => {
  expect(() => planRun(options({ command: ['make', 'check'] }))).toThrow(
    expect.objectContaining({
      code: 'CLI_USAGE',
      message: expect.stringContaining("holdfast run --files 'test/**/*.js' -- make check {file}") as string,
    }),
  );
});

test('--modules -> one module task per file', async () => {
  const cwd = newPlace({ 'tasks/b.mjs': '', 'tasks/a.mjs': '', 'other.mjs': '' });
  const plan = planRun(options({ cwd, modules: ['tasks/*.mjs'], command: [] }));
  expect(plan).toMatchObject({ title: 'modules tasks/*.mjs', suite: undefined });
  const { tasks } = await plan.tasks(EMPTY_HISTORY);
  expect(tasks.map((task) => task.body)).toEqual([
    { kind: 'module', path: 'tasks/a.mjs' },
    { kind: 'module', path: 'tasks/b.mjs' },
  ]);
  await expect(planRun(options({ cwd, modules: ['none/*.mjs'], command: [] })).tasks(EMPTY_HISTORY)).rejects.toMatchObject({
    code: 'NOTHING_TO_RUN',
  });
});

test('--shard: the parts of any number of machines -> every file once, balanced by what is known', async () => {
  const files = ['a.js', 'b.js', 'c.js', 'd.js', 'e.js'];
  const cwd = newPlace(Object.fromEntries(files.map((file) => [file, ''])));
  const known = history([
    ['a.js', 'passed', 100],
    ['b.js', 'passed', 60],
    ['c.js', 'passed', 40],
    ['d.js', 'passed', 1],
  ]);
  const part = async (index: number, count: number): Promise<string[]> => {
    const { tasks } = await planRun(options({ cwd, files: ['*.js'], command: ['node', '{file}'], shard: { index, count } })).tasks(known);
    return tasks.map((task) => task.name);
  };
  // E.js is unknown and counts as the median.
  expect([await part(1, 2), await part(2, 2)]).toEqual([
    ['a.js', 'c.js'],
    ['b.js', 'e.js', 'd.js'],
  ]);
  const parts = await Promise.all([1, 2, 3, 4, 5].map((index) => part(index, 5)));
  expect(parts.flat().toSorted()).toEqual(files);
  expect(parts.every((names) => names.length === 1)).toBe(true);
  await expect(part(1, 6)).rejects.toMatchObject({ code: 'NOTHING_TO_RUN', details: { exitCode: 5 } });
});

test('--shard: one command twice in a list -> both are run, each by one machine', async () => {
  const cwd = newPlace({ list: 'node -v\nnode -v\n' });
  const part = async (index: number): Promise<number> =>
    (await planRun(options({ cwd, commands: 'list', shard: { index, count: 2 } })).tasks(EMPTY_HISTORY)).tasks.length;
  expect([await part(1), await part(2)]).toEqual([1, 1]);
});
