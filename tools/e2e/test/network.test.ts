/** What networks do to a fleet, by fault proxies between built workers and a built coordinator. */
import { TOXIC_TYPES, type Stream, type ToxicType } from '@holdfast/chaos';
import { expect, test } from 'vitest';
import { runIs } from './sandbox/api.ts';
import { until } from './sandbox/condition.ts';
import { startFleet, stopAll } from './sandbox/fleet.ts';
import {
  expectAllOnce,
  expectGapsExplicit,
  logOf,
  type ProxiedWorker,
  SEED,
  type TaskHistory,
  workBehindProxy,
} from './sandbox/network.ts';
import { inSandbox, type Sandbox } from './sandbox/sandbox.ts';

/** How hard each fault hits, so that it shows within a second or two of heartbeats. */
const HARD: Readonly<Record<ToxicType, Readonly<Record<string, number>>>> = {
  latency: { latency: 60, jitter: 50 },
  bandwidth: { rate: 20 },
  slow_close: { delay: 300 },
  timeout: { timeout: 400 },
  reset_peer: { timeout: 200 },
  slicer: { average_size: 11, size_variation: 9, delay: 300 },
  limit_data: { bytes: 1500 },
  blackhole: { after: 100 },
  half_open: { after: 100 },
  corrupt: { every: 300 },
  truncate: { bytes: 1000 },
  duplicate: { percent: 50 },
  refuse: {},
};
/** Those that leave every byte where it was. */
const LOSSLESS: ReadonlySet<ToxicType> = new Set(['latency', 'bandwidth', 'slow_close', 'slicer']);
const TASKS = 200;

test(`every toxic at once, upstream, then downstream, seed ${SEED} -> no result lost, none applied twice, every gap explicit`, async () => {
  await inSandbox({}, async (box) => {
    const fleet = await startFleet(box, [], { quick: true });
    const started = TOXIC_TYPES.map(async (type) => [type, await workBehindProxy(fleet, type, { slots: 2 })] as const);
    const workers = new Map<ToxicType, ProxiedWorker>(await Promise.all(started));
    for (const stream of ['upstream', 'downstream'] as const) {
      const before = new Map([...workers].map(([type, { events }]) => [type, events.length]));
      for (const [type, { proxy }] of workers) {
        proxy.addToxic({ type, stream, attributes: HARD[type] });
        // Those that are connected already would never be refused.
        if (type === 'refuse') proxy.resetAll();
      }
      const { id } = await fleet.api.post<{ id: string }>('/api/v1/runs', {
        name: stream,
        tasks: Array.from({ length: TASKS }, (_, index) => ({ name: `task ${index}`, body: { kind: 'noop' } })),
        seal: true,
      });
      const lossy = [...workers].filter(([type]) => !LOSSLESS.has(type) && type !== 'duplicate');
      await Promise.all(
        lossy.map(async ([type, { proxy, events }]) => {
          const bitten = (): boolean => events.slice(before.get(type)).some(({ kind }) => kind !== 'end');
          await until(`${type} ${stream} to break a connection`, bitten, 30_000, () => JSON.stringify(events));
          // Healed at once: a worker that fails again and again waits longer and longer.
          proxy.clear();
        }),
      );
      for (const { proxy } of workers.values()) proxy.clear();
      await runIs(
        fleet.api,
        `whose ${TASKS} tasks have passed under faults ${stream}`,
        ({ state, counts }) => state === 'finished' && counts.passed === TASKS,
      );
      await fleet.connected(...TOXIC_TYPES);
      await expectAllOnce(fleet.api, id, TASKS);
    }
    const sessions = expectGapsExplicit(box, TOXIC_TYPES);
    expect(sessions.resumed, 'sessions that were resumed').toBeGreaterThan(0);
    await stopAll(...[...workers.values()].map(({ command }) => command), fleet.coordinator());
  });
});

test('half-open: the coordinator keeps a dead connection while the worker is back on another -> the dead one takes nothing with it (D24)', async () => {
  await inSandbox({ 'wait.js': GATED }, async (box) => {
    const fleet = await startFleet(box, [], { quick: true });
    const { proxy, events, command } = await workBehindProxy(fleet, 'one');
    const held = await submit(box, fleet.api, 'held', 'hedge');
    proxy.addToxic({ type: 'half_open', stream: 'upstream' });
    await until('the worker to be cut off', () => events.some(({ kind }) => kind === 'cut'));
    proxy.clear();
    await until('its second connection', () => events.some(({ kind, connection }) => kind === 'accepted' && connection === 2));
    // The coordinator ends the dead one: by itself, since nobody else can.
    await until('the end of the first connection', () => events.some(({ kind, connection }) => kind === 'over' && connection === 1));
    await fleet.connected('one');
    box.gates.openAll();
    await runIs(fleet.api, 'that has passed', ({ counts }) => counts.passed === 1);
    expect(box.gates.arrivals('held')).toHaveLength(1);
    await expectAllOnce(fleet.api, held, 1);
    expect(new Set(events.flatMap(({ kind, connection }) => (kind === 'over' ? [connection] : []))), 'connections that ended').toEqual(
      new Set([1]),
    );
    await stopAll(command, fleet.coordinator());
  });
});

const LONG = process.env['HOLDFAST_E2E_LONG'] === 'all';

test('outages within what the policies allow: hedge below the TTL, wait far beyond it -> nothing runs twice', async () => {
  await inSandbox({ 'wait.js': GATED }, async (box) => {
    const fleet = await startFleet(box);
    const waiter = await workBehindProxy(fleet, 'waiter');
    await submit(box, fleet.api, 'wait', 'wait');
    const hedger = await workBehindProxy(fleet, 'hedger');
    await submit(box, fleet.api, 'hedge', 'hedge');
    const idle = await fleet.work('idle', { slots: 4 });
    await Promise.all([
      outage(hedger, LONG ? 5000 : 3000).then(() => until('the hedger to be back', () => hedger.proxy.connections() > 0)),
      outage(waiter, LONG ? 90_000 : 13_000).then(() => until('the waiter to be back', () => waiter.proxy.connections() > 0)),
    ]);
    await fleet.connected('hedger', 'idle', 'waiter');
    box.gates.openAll();
    for (const name of ['wait', 'hedge']) {
      await until(`${name} to have passed`, async () => {
        const { runs } = await fleet.api.get<{ runs: { name: string; counts: { passed: number; lostAttempts: number } }[] }>(
          '/api/v1/runs?limit=5',
        );
        const run = runs.find((each) => each.name === name);
        expect(run?.counts.lostAttempts, name).toBe(0);
        return run?.counts.passed === 1;
      });
      expect(box.gates.arrivals(name), `starts of ${name}`).toHaveLength(1);
    }
    await stopAll(waiter.command, hedger.command, idle, fleet.coordinator());
  });
});

test('a silent partition at the defaults -> suspected, lease expired, granted to another, in this order; the worker back again, one result', async ({
  annotate,
}) => {
  await inSandbox({ 'wait.js': GATED }, async (box) => {
    const fleet = await startFleet(box);
    const { proxy, command } = await workBehindProxy(fleet, 'cut');
    const run = await submit(box, fleet.api, 'part', 'hedge');
    const idle = await fleet.work('idle');
    const from = Date.now();
    for (const stream of ['upstream', 'downstream'] as const satisfies readonly Stream[]) proxy.addToxic({ type: 'blackhole', stream });
    await box.gates.arrived('part', 2);
    const task = await fleet.api.get<TaskHistory>(`/api/v1/runs/${run}/tasks/1`);
    await annotate(`silent_partition_noticed_ms ${task.attemptRows[1]!.grantedWall - from} (TTL + 0.5 s: 10500)`);
    proxy.clear();
    await fleet.connected('cut', 'idle');
    box.gates.openAll();
    await runIs(fleet.api, 'that has passed', ({ counts }) => counts.passed === 1);
    await expectAllOnce(fleet.api, run, 1);
    const story = logOf(box, 'coordinator').map(({ event }) => event);
    const order = ['session.suspect', 'lease.expired'].map((event) => story.indexOf(event));
    expect(order[0], 'suspected').toBeGreaterThan(-1);
    expect(order[1], 'then expired').toBeGreaterThan(order[0]!);
    await stopAll(command, idle, fleet.coordinator());
  });
});

/** Submits one gated task, and resolves with its run once it runs. */
async function submit(box: Sandbox, api: Parameters<typeof expectAllOnce>[0], name: string, onDisconnect: string): Promise<string> {
  const { id } = await api.post<{ id: string }>('/api/v1/runs', {
    name,
    spec: { cwd: '.' },
    tasks: [{ name, body: { kind: 'command', argv: ['node', 'wait.js', name] }, policy: { onDisconnect } }],
    seal: true,
  });
  await box.gates.arrived(name);
  return id;
}

/** The fault itself: so long nobody listens where the worker dials. */
async function outage({ proxy }: ProxiedWorker, ms: number): Promise<void> {
  await proxy.change({ enabled: false });
  await new Promise((over) => setTimeout(over, ms));
  await proxy.change({ enabled: true });
}

const GATED = "import { pass } from './gate.js';\nawait pass(process.argv[2]);\n";
