import { monoMs } from '@holdfast/kernel';
import { expect, test } from 'vitest';
import { ConnectionStats, createFailover, NETWORK_LIMITS } from '../src/index.ts';

const at = (ms: number) => monoMs(ms);

test('D17 stats: connected -> uptime runs; one loss with three dials -> one reconnection, as long as it took', () => {
  const stats = new ConnectionStats();
  stats.dialed(at(0));
  expect(stats.snapshot(at(50)).connected).toBe(false);
  stats.connected(at(100));
  expect(stats.snapshot(at(600)).connection).toMatchObject({
    uptimeMs: 500,
    downtimeMs: 100,
    attempts: 1,
    successes: 1,
    failures: 0,
    reconnections: 0,
  });
  stats.down(at(1100));
  for (const when of [1200, 1400, 1800]) {
    stats.dialed(at(when));
    if (when < 1800) stats.down(at(when + 50));
  }
  stats.connected(at(1900));
  const { connection } = stats.snapshot(at(2100));
  expect(connection).toMatchObject({
    uptimeMs: 1200,
    downtimeMs: 900,
    attempts: 4,
    successes: 2,
    failures: 2,
    successRate: 0.5,
    reconnections: 1,
  });
  expect(connection.reconnectionMs).toMatchObject({ count: 1, average: 800, max: 800 });
  expect(connection.stability).toBeCloseTo(1200 / 2100);
});

test('D17 stats: before anything, while connecting, and while down -> figures, no exceptions, no NaN', () => {
  const stats = new ConnectionStats();
  const numbers = (value: unknown): number[] =>
    typeof value === 'number' ? [value] : value !== null && typeof value === 'object' ? Object.values(value).flatMap(numbers) : [];
  for (const step of [
    () => undefined,
    () => stats.dialed(at(1)),
    () => stats.down(at(2)),
    () => stats.connected(at(3)),
    () => stats.down(at(4)),
  ]) {
    step();
    expect(numbers(stats.snapshot(at(5))).every(Number.isFinite)).toBe(true);
  }
});

test('S3 stats: far more than the histories hold -> the last 1000 and 100 of them, exact counters', () => {
  const stats = new ConnectionStats();
  for (let n = 1; n <= 5000; n += 1) {
    stats.messageSent(n);
    stats.messageReceived(n);
    stats.messageSettled(n);
    stats.beatAnswered(n);
  }
  const { messages, connection } = stats.snapshot(at(1));
  expect(messages).toMatchObject({ sent: 5000, received: 5000 });
  expect(messages.bytes.count).toBe(1000);
  expect(messages.latencyMs).toMatchObject({ count: 1000, average: 4500.5, p50: 4500, p95: 4950, p99: 4990, max: 5000 });
  expect(connection.roundTripMs).toMatchObject({ count: 100, p50: 4950, max: 5000 });
});

test('F1 failover: in order; a URL that had a session is tried once more, and one that worked last stays the first', () => {
  const failover = createFailover(['a', 'b', 'c']);
  const dials = (count: number): string =>
    Array.from({ length: count }, () => {
      const url = failover.current();
      failover.failed(false);
      return url;
    }).join('');
  expect(dials(4)).toBe('abca');
  expect(failover.current()).toBe('b');
  failover.opened();
  expect(dials(3)).toBe('bbc');
});

test('F2 failover: refused by all in a row -> final; refused by one -> the next one is asked', () => {
  const failover = createFailover(['a', 'b']);
  expect(failover.failed(true)).toBe(false);
  expect(failover.failed(false)).toBe(false);
  expect(failover.failed(true)).toBe(false);
  expect(failover.failed(true)).toBe(true);
  expect(createFailover(['a']).failed(true)).toBe(true);
  expect(() => createFailover([])).toThrow(expect.objectContaining({ code: 'RECONNECTION_NO_URL' }));
});

test('limits: every operation that waits -> at most 30 s', () => {
  expect(NETWORK_LIMITS.map(({ operation }) => operation)).toEqual([
    'dial',
    'tls',
    'handshake',
    'request',
    'idle',
    'stalledWrite',
    'drain',
    'close',
  ]);
  for (const { timeoutMs } of NETWORK_LIMITS) expect(timeoutMs).toBeLessThanOrEqual(30_000);
});
