/** Coordinator and worker on different hosts: network namespaces with a cable, which the kernel cuts one way and makes lossy. */
import { createTwoHosts, type TwoHosts } from '@holdfast/chaos/hosts';
import { afterAll, expect, test } from 'vitest';
import { runIs } from './sandbox/api.ts';
import { certificates } from './sandbox/certificates.ts';
import { type Fleet, startFleet, stopAll } from './sandbox/fleet.ts';
import { expectAllOnce, expectGapsExplicit, logOf } from './sandbox/network.ts';
import { inSandbox, type Sandbox } from './sandbox/sandbox.ts';
import { until } from './sandbox/condition.ts';

const hosts = createTwoHosts(1 + (process.pid % 250));
// Loudly: whoever reads the output must not believe that this was tried.
if (hosts.kind === 'unavailable') console.error(`NOT RUN: hosts.test.ts: ${hosts.reason}`);
const on = test.skipIf(hosts.kind === 'unavailable');
const two = hosts as TwoHosts;
afterAll(() => {
  if (hosts.kind === 'hosts') hosts[Symbol.dispose]();
});

/** The other direction takes as long again. */
const ONE_WAY = [
  ['the worker says', 'second'] as const,
  ...(process.env['HOLDFAST_E2E_LONG'] === 'all' ? [['the coordinator says', 'first'] as const] : []),
];

on.for(ONE_WAY)(
  'one way of the cable cut: what %s vanishes -> noticed, and after the repair the work goes on, nothing twice',
  async ([, side]) => {
    await onTwoHosts(async (box, fleet) => {
      await fleet.work('far', { prefix: two.second.prefix, slots: 2 });
      two[side].cutOff();
      const id = await submit(fleet, 50);
      await until('the silence to be noticed', () =>
        logOf(box, 'coordinator').some(({ event }) => event === 'session.suspect' || event === 'session.down'),
      );
      two[side].heal();
      await runIs(fleet.api, 'that is finished', ({ counts }) => counts.passed === 50);
      await expectAllOnce(fleet.api, id, 50);
      expectGapsExplicit(box, ['far']);
    });
  },
);

on('a quarter of all packets lost in both directions -> every task once', async () => {
  await onTwoHosts(async (_box, fleet) => {
    await fleet.work('far', { prefix: two.second.prefix, slots: 2 });
    two.first.lose(25);
    two.second.lose(25);
    const id = await submit(fleet, 50);
    await runIs(fleet.api, 'that is finished', ({ counts }) => counts.passed === 50);
    two.first.heal();
    two.second.heal();
    const tasks = await expectAllOnce(fleet.api, id, 50);
    expect(tasks).toHaveLength(50);
  });
});

/** A coordinator on the first host, which serves both cables; the sandbox ends with everything stopped. */
async function onTwoHosts(body: (box: Sandbox, fleet: Fleet) => Promise<void>): Promise<void> {
  await inSandbox({}, async (box) => {
    const { ca, cert, key } = certificates(box, two.first.address);
    const { prefix, address } = two.first;
    const fleet = await startFleet(box, ['--tls-cert', cert, '--tls-key', key], { ca, on: { prefix, address } });
    try {
      await body(box, fleet);
    } finally {
      two.first.heal();
      two.second.heal();
      for (const { pid, command } of box.census.take()) if (command.includes(' worker ')) process.kill(pid, 'SIGTERM');
      await stopAll(fleet.coordinator());
    }
  });
}

async function submit(fleet: Fleet, count: number): Promise<string> {
  const tasks = Array.from({ length: count }, (_, index) => ({ name: `task ${index}`, body: { kind: 'noop' } }));
  return (await fleet.api.post<{ id: string }>('/api/v1/runs', { name: 'far', tasks, seal: true })).id;
}
