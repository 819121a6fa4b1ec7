import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openState, sealState } from '@holdfast/checkpoint-store/envelope';
import type { AttemptEvent, AttemptOrder, TaskBody } from '@holdfast/model';
import { expect, test } from 'vitest';
import { createHarness, type Harness } from './harness.ts';

/** A command of a shell: what most programs are. */
const shell = (text: string): TaskBody => ({ kind: 'command', argv: ['/bin/sh', '-c', text] });
const endOf = (harness: Harness, order: AttemptOrder) =>
  harness.events.find((event) => event.kind === 'ended' && event.lease.n === order.n) as Extract<AttemptEvent, { kind: 'ended' }>;
const checkpointsOf = (harness: Harness, order: AttemptOrder) =>
  harness.events.filter((event) => event.kind === 'checkpoint' && event.lease.n === order.n) as Extract<
    AttemptEvent,
    { kind: 'checkpoint' }
  >[];
const stateOf = ({ data, bytes }: Extract<AttemptEvent, { kind: 'checkpoint' }>) => {
  const state = openState(data, bytes);
  return state.ok ? [state.value.name, Buffer.from(state.value.bytes).toString()] : state.problem;
};

test('artifacts: files in folders, a link, a pipe, an empty folder -> the files by name, the rest is not read', async () => {
  const harness = createHarness();
  const order = harness.start(
    shell(
      'cd "$HOLDFAST_ARTIFACTS_DIR" && echo one > b.txt && mkdir -p a/deep none && echo two > a/deep/c && ln -s /etc/passwd link && mkfifo pipe',
    ),
  );
  expect(await harness.ended(order)).toMatchObject({ outcome: 'passed' });
  const { left } = endOf(harness, order);
  expect(left?.files.map(({ name, size }) => [name, size])).toEqual([
    ['a/deep/c', 4],
    ['b.txt', 4],
  ]);
  expect(readFileSync(left!.files[1]!.path, 'utf8')).toBe('one\n');
  rmSync(left!.folder, { recursive: true });
});

test.each([
  ['a backslash', "touch 'a\\b'", 'backslash'],
  ['a control character', 'touch "$(printf \'a\\nb\')"', 'control character'],
  ['not UTF-8', 'touch "$(printf \'a\\377\')"', 'not UTF-8'],
  ['513 files', 'for i in $(seq 513); do : > $i; done', 'more than 512 files'],
  ['a file of 101 MiB', 'truncate -s 101M large', 'more than 104857600'],
])('artifacts: %s -> the attempt has not passed, and says why', async (_name, text, reason) => {
  const harness = createHarness();
  const order = harness.start(shell(`cd "$HOLDFAST_ARTIFACTS_DIR" && ${text}`));
  expect(await harness.ended(order)).toMatchObject({ outcome: 'errored', reason: expect.stringContaining(reason) });
  expect(endOf(harness, order).left).toBeUndefined();
});

test('artifacts: twins of two normal forms -> one name, so neither is taken', async () => {
  const harness = createHarness();
  const order = harness.start(shell('cd "$HOLDFAST_ARTIFACTS_DIR" && touch "$(printf \'a\\314\\210\')" "$(printf \'\\303\\244\')"'));
  expect(await harness.ended(order)).toMatchObject({ outcome: 'errored', reason: expect.stringContaining('twice') });
});

test('checkpoints: renamed into the folder -> told with content and name; dot files and .tmp are not', async () => {
  const harness = createHarness({ checkpointEveryMs: 1 });
  const order = harness.start(shell('cd "$HOLDFAST_CHECKPOINT_DIR"; echo x > y.tmp; echo 1 > .next; mv .next state; sleep 60'));
  await harness.until('the first checkpoint', (event) => event.kind === 'checkpoint');
  harness.executor.stop(order);
  await harness.ended(order);
  expect(checkpointsOf(harness, order).map(stateOf)).toEqual([['state', '1\n']]);
});

test('checkpoints: several while one is not settled -> only the latest is told then; the last one of an attempt that fails is told, too', async () => {
  const harness = createHarness({ checkpointEveryMs: 1 });
  const step = (n: number) => `echo ${n} > "$d/.next"; mv "$d/.next" "$d/state-${n}"`;
  const wait = (n: number) => `while [ ! -e go${n} ]; do sleep 0.02; done`;
  const order = harness.start(
    shell(`d="$HOLDFAST_CHECKPOINT_DIR"; ${step(1)}; ${wait(1)}; ${step(2)}; ${step(3)}; : > done; ${wait(2)}; ${step(4)}; exit 3`),
  );
  await harness.until('the first checkpoint', (event) => event.kind === 'checkpoint');
  mkdirSync(join(harness.root, 'go1'));
  while (!existsSync(join(harness.root, 'done'))) await new Promise((next) => setTimeout(next, 10));
  expect(checkpointsOf(harness, order)).toHaveLength(1);
  harness.executor.checkpointSettled(order, 1);
  await harness.until('the second checkpoint', (event) => event.kind === 'checkpoint' && event.seq === 2);
  mkdirSync(join(harness.root, 'go2'));
  expect(await harness.ended(order)).toMatchObject({ outcome: 'failed', exitCode: 3 });
  expect(checkpointsOf(harness, order).map(stateOf)).toEqual([
    ['state-1', '1\n'],
    ['state-3', '3\n'],
    ['state-4', '4\n'],
  ]);
  expect(harness.events.at(-1)?.kind).toBe('ended');
});

test('checkpoints: an attempt that goes on -> finds its file, and what it was given is no new checkpoint; larger than 64 KiB -> beside', async () => {
  const harness = createHarness({ checkpointEveryMs: 1 });
  const { data } = sealState({ kind: 'file', name: 'model.pt', bytes: Buffer.from('weights') });
  const order = harness.start(shell('cat "$HOLDFAST_RESUME_FILE"; ls "$HOLDFAST_CHECKPOINT_DIR"; exit 1'), {
    epoch: 2,
    resumeFrom: { seq: 1, data },
  });
  await harness.ended(order);
  expect(harness.text(order)).toBe('weightsmodel.pt\n');
  expect(checkpointsOf(harness, order)).toEqual([]);
  const large = harness.start(
    shell('test -z "$HOLDFAST_RESUME_FILE" && head -c 70000 /dev/zero > "$HOLDFAST_CHECKPOINT_DIR/zeros"; exit 1'),
  );
  await harness.ended(large);
  expect(checkpointsOf(harness, large).at(-1)).toMatchObject({
    blob: { size: 70_000 },
    data: { kind: 'file', name: 'zeros', size: 70_000 },
  });
});

test('folders: an executor that closed -> nothing of it is left', async () => {
  const mine = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith(`holdfast-attempts-${process.pid}-`));
  const before = mine();
  const harness = createHarness();
  await harness.run(shell('echo "$HOLDFAST_FENCING_TOKEN" > "$HOLDFAST_ARTIFACTS_DIR/token"'));
  expect(mine().length).toBe(before.length + 1);
  await harness.executor.close();
  expect(mine()).toEqual(before);
});
