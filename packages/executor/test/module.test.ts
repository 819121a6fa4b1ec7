import { sealState } from '@holdfast/checkpoint-store/envelope';
import type { AttemptEvent, AttemptOrder } from '@holdfast/model';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '@holdfast/model';
import { expect, test } from 'vitest';
import { createHarness, type Harness, processesOf } from './harness.ts';

const sealed = (state: Json): Json => sealState({ kind: 'json', bytes: Buffer.from(JSON.stringify(state)) }).data;

/** Starts a module with the given body of its default export. */
function startModule(harness: Harness, code: string, more: Partial<AttemptOrder> = {}, input?: Json): AttemptOrder {
  writeFileSync(join(harness.root, 'task.mjs'), `export default async (ctx) => { ${code} }`);
  return harness.start({ kind: 'module', path: 'task.mjs', ...(input === undefined ? {} : { input }) }, more);
}

test('module: it returns -> passed, one case of its file; it got its input and identity', async () => {
  const harness = createHarness();
  const order = startModule(
    harness,
    'ctx.log(JSON.stringify([ctx.input, ctx.attempt, "resumeFrom" in ctx]))',
    { name: 'embed', epoch: 4 },
    { a: [1] },
  );
  const result = await harness.ended(order);
  expect(result).toMatchObject({ outcome: 'passed', cases: [{ path: ['embed'], file: 'task.mjs', grade: 'passed' }] });
  const task = harness.marker(order).replace(/\.4$/, '');
  expect(JSON.parse(harness.text(order))).toEqual([{ a: [1] }, { task, epoch: 4, fencingToken: `${task}:4`, slot: 0 }, false]);
});

test('module: it leaves a timer behind -> ended all the same', async () => {
  const harness = createHarness();
  expect(await harness.ended(startModule(harness, 'setInterval(() => {}, 1000)'))).toMatchObject({ outcome: 'passed' });
});

test.for([
  { how: 'throws', code: 'throw new Error("no luck")', outcome: 'failed', reason: 'no luck' },
  {
    how: 'throws later',
    code: 'setTimeout(() => { throw new Error("late") }); await new Promise(() => {})',
    outcome: 'failed',
    reason: 'late',
  },
  { how: 'exits', code: 'process.exit(0)', outcome: 'errored', reason: 'exit code 0 before the module was done' },
  { how: 'waits for nothing', code: 'await new Promise(() => {})', outcome: 'errored', reason: 'exit code 0 before the module was done' },
  {
    how: 'is killed',
    code: 'process.kill(process.pid, "SIGKILL")',
    outcome: 'errored',
    reason: 'killed by SIGKILL before the module was done',
  },
  {
    how: 'talks nonsense on its channel',
    code: 'require("fs").writeSync(4, "{}\\n"); setInterval(() => {}, 1000); await new Promise(() => {})',
    outcome: 'errored',
    reason: "the module's process was ended: it said something on its channel that is not understood",
  },
])('module: it $how -> $outcome', async ({ code, outcome, reason }) => {
  const harness = createHarness();
  const order = startModule(harness, code.replace('require("fs")', '(await import("node:fs"))'));
  expect(await harness.ended(order)).toMatchObject({ outcome, reason });
});

test('module: a failure -> the case carries message and stack', async () => {
  const harness = createHarness();
  const { cases } = await harness.ended(startModule(harness, 'throw new TypeError("bad")'));
  expect(cases).toMatchObject([{ grade: 'failed', failure: { message: 'bad', stack: expect.stringContaining('task.mjs') } }]);
});

test('module: it does not load, or exports no function -> errored, and the reason says it', async () => {
  const harness = createHarness();
  writeFileSync(join(harness.root, 'broken.mjs'), 'export default (');
  writeFileSync(join(harness.root, 'empty.mjs'), 'export const a = 1');
  expect((await harness.run({ kind: 'module', path: 'broken.mjs' })).reason).toMatch(/^the module did not load: /);
  expect((await harness.run({ kind: 'module', path: './empty.mjs' })).reason).toMatch(/has no default export that is a function$/);
});

test('module: packages of the run -> resolved there by their import condition; absent ones are errored', async () => {
  const harness = createHarness();
  const folder = join(harness.root, 'node_modules/@my/pack');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: '@my/pack', exports: { './run': { import: './run.mjs' } } }));
  writeFileSync(join(folder, 'run.mjs'), 'export default (ctx) => ctx.log("from the package")');
  const order = harness.start({ kind: 'module', path: '@my/pack/run' });
  expect(await harness.ended(order)).toMatchObject({ outcome: 'passed' });
  expect(harness.text(order)).toBe('from the package\n');
  expect(await harness.run({ kind: 'module', path: 'not-installed' })).toMatchObject({
    outcome: 'errored',
    reason: expect.stringContaining('not-installed'),
  });
});

test('module: a package that is a link out of the folders -> refused before it runs', async () => {
  const harness = createHarness();
  const outside = createHarness().root;
  writeFileSync(join(outside, 'package.json'), '{"name":"evil","exports":"./index.mjs"}');
  writeFileSync(join(outside, 'index.mjs'), 'console.log("ran"); export default () => {}');
  mkdirSync(join(harness.root, 'node_modules'));
  symlinkSync(outside, join(harness.root, 'node_modules/evil'));
  const order = harness.start({ kind: 'module', path: 'evil' });
  expect(await harness.ended(order)).toMatchObject({ outcome: 'errored', reason: expect.stringMatching(/^policy_denied: /) });
  expect(harness.text(order)).toBe('');
});

test.for([
  'data:text/javascript,1',
  'http://x/y.mjs',
  'node:fs',
  'fs',
  '/etc/x.mjs',
  '../x.mjs',
  'a/../../x.mjs',
  'C:\\x',
  'a\0',
  '',
  'file:///x',
  'link.mjs',
])('module: the path %j -> refused', async (path) => {
  const harness = createHarness();
  symlinkSync('/etc/passwd', join(harness.root, 'link.mjs'));
  expect(await harness.run({ kind: 'module', path })).toMatchObject({
    outcome: 'errored',
    reason: expect.stringMatching(/^policy_denied: /),
  });
});

test('module: checkpoints -> numbered from 1, one at a time, resolved when settled; a later attempt gets the state', async () => {
  const harness = createHarness();
  const code =
    'const s = { n: 1 }; const a = ctx.checkpoint(s); s.n = 2; const b = ctx.checkpoint(s); await a; ctx.log("a"); await b; ctx.log("b")';
  const order = startModule(harness, code);
  const first = await harness.until('the first checkpoint', (event) => event.kind === 'checkpoint');
  expect(first).toMatchObject({ seq: 1, data: sealed({ n: 1 }) });
  expect(harness.text(order)).toBe('');
  harness.executor.checkpointSettled(order, 1);
  expect(await harness.until('the second', (event) => event.kind === 'checkpoint' && event.seq === 2)).toMatchObject({
    data: sealed({ n: 2 }),
  });
  harness.executor.checkpointSettled(order, 2);
  expect(await harness.ended(order)).toMatchObject({ outcome: 'passed' });
  expect(harness.text(order)).toBe('a\nb\n');
  const next = startModule(harness, 'ctx.log(JSON.stringify(ctx.resumeFrom))', { resumeFrom: { seq: 2, data: sealed({ n: 2 }) } });
  await harness.ended(next);
  expect(harness.text(next)).toBe('{"n":2}\n');
});

test('module: a checkpoint larger than is kept, and one that could not be -> its call fails, the module goes on', async () => {
  const harness = createHarness();
  const code = (state: string) => `try { await ctx.checkpoint(${state}) } catch (e) { ctx.log(e.name + " " + e.message) }`;
  const large = startModule(harness, code('"x".repeat(17 * 1024 * 1024)'));
  expect(await harness.ended(large)).toMatchObject({ outcome: 'passed' });
  expect(harness.text(large)).toContain('RangeError');
  const order = startModule(harness, code('1'));
  await harness.until('the checkpoint', (event) => event.kind === 'checkpoint');
  harness.executor.checkpointSettled(order, 1, 'the quota is used up');
  await harness.ended(order);
  expect(harness.text(order)).toBe('Error save a checkpoint: the quota is used up\n');
});

test('module: a checkpoint of 2 MiB -> its bytes stand beside it, and a later attempt gets them', async () => {
  const harness = createHarness();
  const order = startModule(harness, 'await ctx.checkpoint({ text: "\\"".repeat(1024 * 1024) })');
  const event = await harness.until('the checkpoint', (one) => one.kind === 'checkpoint');
  const { blob, bytes, data } = event as Extract<AttemptEvent, { kind: 'checkpoint' }>;
  expect([blob?.size, bytes?.byteLength]).toEqual([2_097_163, 2_097_163]);
  harness.executor.checkpointSettled(order, 1);
  await harness.ended(order);
  const next = startModule(harness, 'ctx.log(String(ctx.resumeFrom.text.length))', { resumeFrom: { seq: 1, data, bytes: bytes! } });
  await harness.ended(next);
  expect(harness.text(next)).toBe('1048576\n');
});

test('module: 10,000 progress calls -> few notes in order, the last one always', async () => {
  const harness = createHarness();
  const order = startModule(harness, 'for (let i = 1; i <= 10000; i++) ctx.progress(i / 10000, `step ${i}`)');
  await harness.ended(order);
  const notes = harness.events.filter((event): event is Extract<AttemptEvent, { kind: 'note' }> => event.kind === 'note');
  expect(notes.length).toBeLessThan(100);
  expect(notes.at(-1)).toMatchObject({ fraction: 1, note: 'step 10000' });
  expect(harness.events.at(-1)?.kind).toBe('ended');
});

test('module: it is stopped -> its signal aborts, and it has the grace to save', async () => {
  const harness = createHarness();
  const code =
    'ctx.log("up"); await new Promise((done) => { const t = setInterval(() => {}, 1000); ctx.signal.onabort = () => { clearInterval(t); done() } }); ctx.log("saved")';
  const order = startModule(harness, code);
  await harness.until('the first line', (event) => event.kind === 'log');
  harness.executor.stop(order);
  expect(await harness.ended(order)).toMatchObject({ outcome: 'cancelled' });
  expect(harness.text(order)).toBe('up\nsaved\n');
  expect(processesOf(harness.marker(order))).toEqual([]);
});
