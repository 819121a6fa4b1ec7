import { type Clock, monoMs, wallMs } from '@holdfast/kernel';
import { expect, test } from 'vitest';
import { createLogSink, LOG_LIMITS, type LogLimits, type Stream } from '../src/log-sink.ts';
import { maskPatterns } from '../src/mask.ts';
import { createHarness, script } from './harness.ts';

interface Piece {
  readonly offset: number;
  readonly stream: Stream;
  readonly text: string;
}

/** A sink under a clock that stands still unless moved. */
function sinkOf(secrets: readonly string[] = [], limits: LogLimits = LOG_LIMITS) {
  let now = 0;
  const clock: Clock = { mono: () => monoMs(now), wall: () => wallMs(0) };
  const pieces: Piece[] = [];
  const sink = createLogSink(maskPatterns(secrets), clock, (offset, stream, text) => pieces.push({ offset, stream, text }), limits);
  const text = (): string => pieces.map((piece) => piece.text).join('');
  return { sink, pieces, text, move: (ms: number) => void (now += ms) };
}

test('log: characters cut between chunks, on two streams -> whole again, offsets in bytes over both', () => {
  const { sink, pieces } = sinkOf();
  const euro = Buffer.from('a€😀');
  for (const byte of euro) sink.push('out', Buffer.from([byte]));
  sink.push('err', Buffer.from('x'));
  sink.flush();
  expect(pieces.map((piece) => piece.text)).toEqual(['a', '€', '😀', 'x']);
  expect(pieces.map((piece) => piece.offset)).toEqual([0, 1, 4, 8]);
  expect(sink.totals()).toEqual({ bytes: 9, droppedBytes: 0 });
});

test('log: invalid UTF-8 and a character that never ends -> U+FFFD', () => {
  const { sink, text } = sinkOf();
  sink.push('out', Buffer.from([0x61, 0xff, 0xfe, 0x62, 0xe2, 0x82]));
  sink.flush();
  expect(text()).toBe('a\ufffd\ufffdb\ufffd');
});

test('log: a line past its limit -> cut between characters, the rest counted, the next line whole', () => {
  const { sink, pieces } = sinkOf([], { ...LOG_LIMITS, lineBytesMax: 8 });
  for (const part of ['abc€', '€€', 'more\nnext\n']) sink.push('out', Buffer.from(part));
  expect(pieces.map((piece) => piece.text).join('')).toBe('abc€\nnext\n');
  expect(sink.totals()).toEqual({ bytes: 12, droppedBytes: 10 });
  expect(pieces.at(-1)).toEqual({ offset: 16, stream: 'out', text: '\nnext\n' });
});

test('log: faster than its rate -> chunks dropped and counted, and on again when time has passed', () => {
  const { sink, pieces, move } = sinkOf([], { ...LOG_LIMITS, bytesPerSecondMax: 10 });
  sink.push('out', Buffer.from('0123456789'));
  sink.push('out', Buffer.from('dropped€').subarray(0, 9));
  move(500);
  // The start of the character was dropped: its rest is, too.
  sink.push('out', Buffer.concat([Buffer.from('€').subarray(2), Buffer.from('ok')]));
  expect(pieces).toEqual([
    { offset: 0, stream: 'out', text: '0123456789' },
    { offset: 20, stream: 'out', text: 'ok' },
  ]);
  expect(sink.totals()).toEqual({ bytes: 12, droppedBytes: 10 });
});

test('log: more than the attempt may write -> exactly the limit, all after counted', () => {
  const { sink, pieces, text } = sinkOf([], { ...LOG_LIMITS, bytesMax: 10 });
  for (let index = 0; index < 5; index += 1) sink.push('out', Buffer.from('1234'));
  expect(text()).toBe('1234123412');
  expect(pieces).toHaveLength(3);
  expect(sink.totals()).toEqual({ bytes: 10, droppedBytes: 10 });
});

const SECRET = 'p"ss wörd/1234+key';
const FORMS = {
  plain: SECRET,
  base64: Buffer.from(SECRET).toString('base64'),
  'base64 inside': Buffer.from(`user:${SECRET}\n`).toString('base64'),
  base64url: Buffer.from(SECRET).toString('base64url'),
  url: encodeURIComponent(SECRET),
  form: new URLSearchParams({ a: SECRET }).toString().slice(2),
  json: JSON.stringify(SECRET).slice(1, -1),
};

test.for(Object.entries(FORMS))('K1 mask: the %s form, cut anywhere -> masked, the rest kept', ([, form]) => {
  const core = form.slice(4, -4);
  for (let cut = 0; cut <= form.length; cut += 1) {
    const { sink, text } = sinkOf([SECRET]);
    sink.push('out', Buffer.from(`before ${form.slice(0, cut)}`));
    sink.push('out', Buffer.from(`${form.slice(cut)} after`));
    sink.flush();
    expect(text()).toContain('***');
    expect(text()).not.toContain(core);
    expect(text()).toMatch(/^before .*\*\*\*.* after$/);
  }
});

test('K1 mask: byte by byte, overlapping, and next to a part of itself -> no piece of it leaves', () => {
  const { sink, text } = sinkOf(['abcabc', 'cabcx']);
  for (const char of 'ab-abcabcabcx-abcab') sink.push('out', Buffer.from(char));
  sink.flush();
  expect(text()).toBe('ab-***-***');
});

// What is skipped is as long as the longest form of the secret, which is in base64.
test('L3 mask: bytes were dropped in the middle of a secret -> its rest is dropped too', () => {
  const { sink, text, move } = sinkOf(['topsecret'], { ...LOG_LIMITS, bytesPerSecondMax: 40 });
  sink.push('out', Buffer.from('a'.repeat(36)));
  sink.push('out', Buffer.from('too much tops'));
  move(1000);
  sink.push('out', Buffer.from('ecret and more'));
  sink.push('out', Buffer.from(' topsecret'));
  sink.flush();
  expect(text()).toBe(`${'a'.repeat(36)}ore ***`);
  const { bytes, droppedBytes } = sink.totals();
  expect(bytes + droppedBytes).toBe(36 + 13 + 14 + 4);
});

test('mask: named and telling variables of run and task -> masked in log, failure and reason', async () => {
  const harness = createHarness({
    env: { PATH: process.env['PATH'], API_TOKEN: 'from-the-worker' },
    policy: { environment: ['API_TOKEN'] },
  });
  const code =
    'const e = process.env; process.stdout.write("a " + e.MY_PASSWORD.slice(0, 5)); setTimeout(() => console.log(e.MY_PASSWORD.slice(5), e.PLAIN, e.API_TOKEN, e.SHORT_KEY, e.OTHER), 100)';
  const env = { MY_PASSWORD: 'hunter2hunter2', PLAIN: 'named', SHORT_KEY: 'abc', OTHER: 'visible' };
  const order = harness.start(script(code), { name: 'x' }, { env, secrets: ['PLAIN'] });
  await harness.ended(order);
  expect(harness.text(order)).toBe('a *** *** *** abc visible\n');
});

test('L2 log: a process that prints 300 MB -> exact counts, bounded memory, verdict unaffected', async () => {
  const harness = createHarness();
  const code =
    'const b = Buffer.alloc(1e6, "0123456789abcde\\n"); let n = 0; (function go() { if (n++ < 300) process.stdout.write(b, go) })()';
  const before = process.memoryUsage.rss();
  let peak = before;
  const watch = setInterval(() => void (peak = Math.max(peak, process.memoryUsage.rss())), 5);
  const result = await harness.run(script(code));
  clearInterval(watch);
  expect(result.outcome).toBe('passed');
  const { bytes = 0, droppedBytes = 0 } = result.log ?? {};
  expect(bytes + droppedBytes).toBe(300_000_000);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThanOrEqual(LOG_LIMITS.bytesMax);
  // Buffers that wait for the garbage collector are in it; what was kept would be all of it.
  expect(peak - before).toBeLessThan(150 * 1024 * 1024);
});

test('log: one line of 100 MB -> 64 KiB of it, all else counted', async () => {
  const harness = createHarness();
  const order = harness.start(
    script('const b = Buffer.alloc(1e6, "x"); let n = 0; (function go() { if (n++ < 100) process.stdout.write(b, go) })()'),
  );
  expect(await harness.ended(order)).toMatchObject({ outcome: 'passed', log: { bytes: 65_536, droppedBytes: 100_000_000 - 65_536 } });
  expect(harness.text(order)).toBe('x'.repeat(65_536));
});
