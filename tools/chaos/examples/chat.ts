/**
 * A chat over a link that breaks all the time: two people talk in a room through the fault proxy, and nothing is lost, nothing is
 * said twice, nothing changes its order.
 * Run: node --conditions=@holdfast/source tools/chaos/examples/chat.ts
 */
import { createProxy } from '@holdfast/chaos/proxy';
import { SessionServer, WorkerReconnectionManager } from '@holdfast/reconnection-core/manager';

const LINES = 20;

// The room: whoever knows a secret may come in; what one says goes to all.
const secrets = { ada: 'a secret of Ada', grace: 'a secret of Grace' };
const room = new SessionServer({ secrets });
room.on('message', (peer, { n, text }) => {
  for (const each of room.peers) each.send({ t: 'said', by: peer.id, n, text });
});
const url = new URL(await room.listen());

// The lossy link: everything comes 20 to 60 ms late and in small pieces. Every fifth line somebody pulls the plug.
const proxy = await createProxy({ upstream: url.host, seed: 7 });
proxy.addToxic({ type: 'latency', attributes: { latency: 40, jitter: 20 } });
proxy.addToxic({ type: 'slicer', stream: 'upstream', attributes: { average_size: 400, size_variation: 100, delay: 100 } });

const transcript = new Map<string, string[]>();
const people = Object.entries(secrets).map(([name, secret]) => {
  const heard: string[] = [];
  transcript.set(name, heard);
  const person = new WorkerReconnectionManager({
    urls: `ws://${proxy.describe().listen}`,
    worker: name,
    credential: { key: name, secret },
    registration: { name, slots: 1, labels: {} },
  });
  person.on('opened', (how) => console.log(`${name}: ${how === 'fresh' ? 'comes in' : 'is back, without a gap'}`));
  person.on('down', (reason) => console.log(`${name}: lost the link (${reason || 'cut'})`));
  person.on('message', ({ by, n }) => heard.push(`${String(by)} ${String(n)}`));
  return person.start();
});

// Nobody waits for a connection before talking: what is sent is kept until the room has it.
const isInside = (): boolean => people.every(({ state }) => state === 'connected') && room.peers.length === people.length;
await until('both to be in the room', isInside);
for (let n = 1; n <= LINES; n += 1) {
  for (const person of people) person.send({ t: 'say', n, text: `this is line ${n}, and it is long enough to be cut ${'.'.repeat(60)}` });
  if (n % 5 === 0) proxy.resetAll();
  await new Promise((resolve) => setTimeout(resolve, 50));
}
await until('everybody to have heard everything', () => [...transcript.values()].every((heard) => heard.length >= 2 * LINES));

for (const [name, heard] of transcript) {
  for (const speaker of Object.keys(secrets)) {
    const lines = heard.filter((line) => line.startsWith(`${speaker} `)).map((line) => Number(line.split(' ')[1]));
    const wanted = Array.from({ length: LINES }, (_, index) => index + 1);
    if (lines.join() !== wanted.join()) throw new Error(`${name} heard of ${speaker}: ${lines.join(' ')}`);
  }
}
const cuts = people.reduce((sum, { stats }) => sum + stats.snapshot(performance.now() as never).connection.reconnections, 0);
if (cuts === 0) throw new Error('the link never broke');
console.log(`${2 * LINES} lines heard by both, once and in order, over ${cuts} broken links`);

await Promise.all(people.map((person) => person.shutdown()));
await room.close();
await proxy.close();

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 60_000; !holds();) {
    if (performance.now() > deadline) throw new Error(`waited a minute for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
