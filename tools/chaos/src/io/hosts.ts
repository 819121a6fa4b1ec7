/**
 * Two hosts on one machine: network namespaces of their own, joined by a cable (veth), with the faults that a kernel can make.
 *
 * H1 Nothing but these namespaces is touched: their addresses are of 198.18.0.0/15, which RFC 2544 keeps for tests, and this machine
 *    reaches the first of them over a second cable.
 * H2 Where it cannot be had (no root, no `ip`, no namespaces), the answer is a reason, never a silent pass.
 */
import { execFileSync } from 'node:child_process';
import { errorText } from '@holdfast/kernel';

export interface Host {
  /** Its address on the cable between the two hosts. */
  readonly address: string;
  /** What to put before a command so that it runs there. */
  readonly prefix: readonly string[];
  /** Packets to the other host vanish here, and nobody is told: one way of a partition. */
  cutOff(): void;
  /** Of the packets that leave, `percent` (0..100) are lost. Throws where nftables are missing. */
  lose(percent: number): void;
  /** Takes both back. */
  heal(): void;
}

export interface TwoHosts extends Disposable {
  readonly kind: 'hosts';
  /** This machine reaches it, too. */
  readonly first: Host;
  readonly second: Host;
}

/** Creates two hosts, or says why it cannot. `id`: 1..250, unlike that of anybody else on this machine. */
export function createTwoHosts(id: number): TwoHosts | { readonly kind: 'unavailable'; readonly reason: string } {
  if (process.getuid?.() !== 0) return { kind: 'unavailable', reason: 'network namespaces take root' };
  const [first, second] = [`holdfast-${id}-a`, `holdfast-${id}-b`];
  const at = (host: number): string => `198.18.${id}.${host}`;
  const dispose = (): void => {
    // A namespace takes its cables with it.
    for (const name of [first, second]) quietly(() => ip('netns', 'del', name));
  };
  try {
    for (const name of [first, second]) {
      ip('netns', 'add', name);
      inside(name, 'ip', 'link', 'set', 'lo', 'up');
    }
    cable([first, `hf${id}ab`, at(1)], [second, `hf${id}ba`, at(2)]);
    cable([undefined, `hf${id}m`, at(5)], [first, `hf${id}am`, at(6)]);
    ip('route', 'add', `${at(1)}/32`, 'via', at(6));
  } catch (error) {
    dispose();
    return { kind: 'unavailable', reason: `network namespaces are not to be had here: ${errorText(error)}` };
  }
  return {
    kind: 'hosts',
    first: hostOf(first, at(1), at(2)),
    second: hostOf(second, at(2), at(1)),
    [Symbol.dispose]: dispose,
  };
}

type End = readonly [namespace: string | undefined, device: string, address: string];

function cable(one: End, other: End): void {
  ip('link', 'add', one[1], 'type', 'veth', 'peer', 'name', other[1]);
  for (const [namespace, device, address] of [one, other]) {
    if (namespace !== undefined) ip('link', 'set', device, 'netns', namespace);
    const there = (...args: string[]): void => (namespace === undefined ? ip(...args) : inside(namespace, 'ip', ...args));
    there('address', 'add', `${address}/30`, 'dev', device);
    there('link', 'set', device, 'up');
  }
}

function hostOf(name: string, address: string, other: string): Host {
  return {
    address,
    prefix: ['ip', 'netns', 'exec', name],
    cutOff: () => inside(name, 'ip', 'route', 'add', 'blackhole', `${other}/32`),
    lose(percent) {
      inside(name, 'nft', 'add', 'table', 'inet', 'holdfast');
      inside(name, 'nft', 'add chain inet holdfast out { type filter hook output priority 0; }');
      inside(name, 'nft', `add rule inet holdfast out oifname "hf*" numgen random mod 100 < ${Math.round(percent)} drop`);
    },
    heal() {
      quietly(() => inside(name, 'ip', 'route', 'del', 'blackhole', `${other}/32`));
      quietly(() => inside(name, 'nft', 'delete', 'table', 'inet', 'holdfast'));
    },
  };
}

const ip = (...args: readonly string[]): void => run('ip', args);
const inside = (name: string, ...args: readonly string[]): void => run('ip', ['netns', 'exec', name, ...args]);

function run(file: string, args: readonly string[]): void {
  execFileSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 10_000 });
}

function quietly(act: () => void): void {
  try {
    act();
  } catch {
    /* ignored: what is not there need not be taken away. */
  }
}
