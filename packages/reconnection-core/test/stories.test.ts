import { createRandom, durationMs } from '@holdfast/kernel';
import { mutateTrace } from '@holdfast/testkit';
import { expect, test } from 'vitest';
import { backoffDelay, BACKOFF, type ClientInput, type ServerInput } from '../src/index.ts';
import { beatAck, data, hello, welcome, workerBeat, workerData } from './frames.ts';
import { credits, frame, idsOf, offer, resume, type Step, tell, tellServer, up, wait } from './story.ts';

const goodStory: readonly Step<ClientInput>[] = [
  { kind: 'started' },
  ...up(1),
  offer(1),
  offer(2, 'critical'),
  frame(1, data([[1, { t: 'drain' }]], [1, 0])),
  wait(10),
  { kind: 'linkClosed', link: 1, code: 1006, reason: 'cut' },
  offer(3),
  wait(300),
  { kind: 'linkOpened', link: 2 },
  frame(2, welcome({ fresh: undefined, resumed: { received: 1 }, token: 't2' })),
  frame(2, beatAck(2, [3, 3])),
  frame(2, data([[2, { t: 'drain' }]], [3, 3])),
];

test('I2 I3 client: a cut with one message received and one not -> resumed, replayed from the last ack, all settled', () => {
  const { of, kinds, snapshot } = tell(goodStory);
  expect(kinds.filter((kind) => kind !== 'transmit')).toEqual([
    'dial', 'opened', 'deliver', 'down', 'dial', 'opened', 'settled', 'settled', 'settled', 'renewed', 'deliver',
  ]); // prettier-ignore
  expect(of('settled').map(({ key }) => key)).toEqual(['k1', 'k2', 'k3']);
  const pieces = of('transmit').filter(({ text }) => text.includes('"m":[['));
  expect(pieces.map(({ link, text }) => [link, text])).toEqual([
    [1, '{"f":"data","a":[0,0],"m":[[1,{"t":"x","id":1}]]}'],
    [1, '{"f":"data","a":[0,0],"m":[[2,{"t":"x","id":2}]]}'],
    [2, '{"f":"data","a":[1,1],"m":[[2,{"t":"x","id":2}],[3,{"t":"x","id":3}]]}'],
  ]);
  expect(snapshot).toMatchObject({ state: 'connected', unreceived: 0, uncommitted: 0, resumes: 1, freshes: 1 });
});

test('I2 I3 I4 client: the story with every event doubled, swapped or dropped -> nothing delivered twice or out of order, nothing settled that was not offered', () => {
  for (const { name, events } of mutateTrace(goodStory)) {
    const { log, of } = tell(events);
    let delivered = 0;
    for (const { effect } of log) {
      if (effect.kind === 'opened' && effect.how === 'fresh') delivered = 0;
      if (effect.kind === 'deliver') delivered += 1;
      expect(delivered, name).toBeLessThanOrEqual(2);
    }
    for (const key of ['k1', 'k2', 'k3']) {
      const offered = events.filter((event) => event.kind === 'offered' && event.key === key).length;
      expect(of('settled').filter((effect) => effect.key === key).length, name).toBeLessThanOrEqual(offered);
    }
    const links = of('dial').map(({ link }) => link);
    expect(links, name).toEqual(links.map((_, index) => index + 1));
  }
});

const serverStory: readonly Step<ServerInput>[] = [
  { kind: 'helloAccepted', link: 1, hello: hello(), session: 's1', token: 't1' },
  { kind: 'frameReceived', link: 1, frame: workerData([[1, { t: 'x' }], [2, { t: 'x' }]]) },
  { kind: 'committed', seq: 2 },
  { kind: 'committed', seq: 1 },
  { kind: 'frameReceived', link: 1, frame: workerBeat(1) },
  { kind: 'beatAnswered', n: 1, renewed: true },
  { kind: 'linkClosed', link: 1, reason: 'cut' },
  { kind: 'helloAccepted', link: 2, hello: hello({ resume: { session: 's1', token: 't1', received: 0 } }), session: 's2', token: 't2' },
  { kind: 'frameReceived', link: 2, frame: workerData([[2, { t: 'x' }], [3, { t: 'x' }]]) },
]; // prettier-ignore

test('I2 I9 server: commits out of order, a cut, a resume with a repeated message -> the prefix is acked, each message once', () => {
  const { of, kinds } = tellServer(serverStory);
  expect(kinds.filter((kind) => kind !== 'transmit')).toEqual(['opened', 'deliver', 'deliver', 'beat', 'down', 'opened', 'deliver']);
  expect(of('deliver').map(({ seq }) => seq)).toEqual([1, 2, 3]);
  const acks = of('transmit')
    .map(({ text }) => (JSON.parse(text) as { a?: number[] }).a)
    .filter((a) => a !== undefined);
  expect(acks).toEqual([[2, 2], [2, 2], [2, 2]]); // prettier-ignore
});

test('I2 server: the story with every event doubled, swapped or dropped -> message numbers rise by one, commits never pass receipts', () => {
  for (const { name, events } of mutateTrace(serverStory)) {
    const { of } = tellServer(events);
    expect(
      of('deliver').map(({ seq }) => seq),
      name,
    ).toEqual(of('deliver').map((_, index) => index + 1));
    for (const { text } of of('transmit')) {
      const { a } = JSON.parse(text) as { a?: [number, number] };
      if (a) expect(a[1], name).toBeLessThanOrEqual(a[0]);
    }
  }
});

test('I9 server: an answer about a message of the session before -> commits nothing of the new session', () => {
  const { of } = tellServer([
    { kind: 'helloAccepted', link: 1, hello: hello(), session: 's1', token: 't1' },
    { kind: 'frameReceived', link: 1, frame: workerData([[1, { t: 'x' }]]) },
    { kind: 'helloAccepted', link: 2, hello: hello(), session: 's2', token: 't2' },
    { kind: 'frameReceived', link: 2, frame: workerData([[1, { t: 'x' }]]) },
    { kind: 'committed', seq: 1 },
    wait(10),
    { kind: 'committed', seq: 2 },
  ]);
  expect(of('deliver').map(({ seq }) => seq)).toEqual([1, 2]);
  const acks = of('transmit')
    .filter(({ link, text }) => link === 2 && text.includes('"data"'))
    .map(({ text }) => (JSON.parse(text) as { a: unknown }).a);
  expect(acks).toEqual([[1, 0], [1, 1]]); // prettier-ignore
});

test('I6 server: welcome lost after a token rotation -> the former token still resumes, and no longer after the first frame under the new one', () => {
  const steps: Step<ServerInput>[] = [
    { kind: 'helloAccepted', link: 1, hello: hello(), session: 's1', token: 't1' },
    { kind: 'helloAccepted', link: 2, hello: resume('t1'), session: 'x', token: 't2' },
    { kind: 'helloAccepted', link: 3, hello: resume('t1'), session: 'x', token: 't3' },
    { kind: 'frameReceived', link: 3, frame: workerBeat(1) },
    { kind: 'helloAccepted', link: 4, hello: resume('t1'), session: 's4', token: 't4' },
  ];
  const { of, snapshot } = tellServer(steps);
  expect(of('opened').map(({ how, reason }) => reason ?? how)).toEqual(['first', 'resumed', 'resumed']);
  expect(
    of('closeLink')
      .map(({ link, code }) => [link, code])
      .at(-1),
  ).toEqual([4, 4410]);
  expect(snapshot).toMatchObject({ state: 'linked', link: 3 });
});

test('I10 server: two beats missed -> suspect, a beat -> alive, silence for a lease time -> closed, resume window over -> expired', () => {
  const { log } = tellServer([
    { kind: 'helloAccepted', link: 1, hello: hello(), session: 's1', token: 't1' },
    wait(8000),
    { kind: 'frameReceived', link: 1, frame: workerBeat(1) },
    wait(140_000),
  ]);
  const told = log.filter(({ effect }) => effect.kind !== 'transmit').map(({ at, effect }) => [at, effect.kind]);
  expect(told).toEqual([
    [0, 'opened'], [7500, 'suspect'], [8000, 'alive'], [8000, 'beat'], [15_500, 'suspect'], [18_000, 'closeLink'], [18_000, 'down'], [138_000, 'expired'],
  ]); // prettier-ignore
});

test('I7 client: no beat is answered -> link closed after two intervals and a half and dialled again; a stall moves that', () => {
  const start: Step<ClientInput>[] = [{ kind: 'started' }, ...up(1)];
  const closedAt = (steps: Step<ClientInput>[]) => tell(steps).log.find(({ effect }) => effect.kind === 'closeLink')?.at;
  expect(closedAt([...start, wait(20_000)])).toBe(7500);
  expect(closedAt([...start, { kind: 'stalled', by: durationMs(4000) }, wait(20_000)])).toBe(11_500);
  expect(closedAt([...start, wait(3000), frame(1, beatAck(2)), wait(20_000)])).toBe(10_500);
});

test('I7 client: a renewal -> counts from when its beat was sent, also when the answer is late and the process stalled', () => {
  const { of } = tell([
    { kind: 'started' },
    ...up(1),
    wait(3100),
    { kind: 'stalled', by: durationMs(50) },
    frame(1, beatAck(2, [0, 0], false)),
  ]);
  expect(of('renewed')).toEqual([{ kind: 'renewed', sentAt: 3000, matched: false, roundTrip: 100 }]);
});

test('I11 client: credit after none -> a beat at once', () => {
  const { log } = tell([{ kind: 'started' }, ...up(1), wait(1000), credits(2), wait(100), credits(0), credits(3), wait(500)]);
  const beats = log.flatMap(({ at, effect }) =>
    effect.kind === 'transmit' && effect.text.includes('"beat"') ? [[at, (JSON.parse(effect.text) as { credits: number }).credits]] : [],
  );
  expect(beats).toEqual([[0, 0], [1000, 2]]); // prettier-ignore
});

test('I11 client: no credit any more and less held than was told -> a beat at once; slots that filled up -> none', () => {
  const held = (count: number, credits: number): ClientInput => ({ kind: 'heldChanged', held: { count, hash: count }, credits });
  const { log } = tell([{ kind: 'started' }, held(0, 2), ...up(1), wait(1000), held(2, 0), wait(500), held(1, 0), wait(500)]);
  const beats = log.flatMap(({ at, effect }) => {
    if (effect.kind !== 'transmit' || !effect.text.includes('"beat"')) return [];
    const beat = JSON.parse(effect.text) as { held: { count: number }; credits: number };
    return [[at, beat.held.count, beat.credits]];
  });
  expect(beats).toEqual([[0, 0, 2], [1500, 1, 0]]); // prettier-ignore
});

test('I12 client: goaway with a slot, then the close -> dials exactly then', () => {
  const { of } = tell([
    { kind: 'started' },
    ...up(1),
    frame(1, { f: 'goaway', reason: 'restart', retryAfterMs: 12_345 }),
    { kind: 'linkClosed', link: 1, code: 1012, reason: '' },
  ]);
  expect(of('down')[0]?.retryIn).toBe(12_345);
});

test('I13 client: shutdown while a message is not received -> waits for its ack, says goaway, closes with 1000, ends', () => {
  const { kinds, of } = tell([
    { kind: 'started' },
    ...up(1),
    offer(1),
    { kind: 'shutdownAsked', reason: 'done' },
    offer(2),
    frame(1, data([], [2, 0])),
  ]);
  expect(kinds.slice(-3)).toEqual(['transmit', 'closeLink', 'ended']);
  expect(idsOf(of('transmit'))).toEqual([1, 2]);
  expect(of('closeLink')).toEqual([{ kind: 'closeLink', link: 1, code: 1000, reason: 'done' }]);
});

test('I14 client: the window is full -> nothing leaves but critical, nothing is lost but counted background, acks let the rest go', () => {
  const limits = { windowMessagesMax: 6, criticalSlots: 2, backgroundMessagesMax: 2 };
  const offers = [1, 2, 3, 4, 5, 6].map((id) => offer(id));
  const steps: Step<ClientInput>[] = [
    { kind: 'started' },
    ...up(1),
    ...offers,
    offer(7, 'critical'),
    offer(8, 'background'),
    offer(9, 'background'),
    offer(10, 'background'),
  ];
  const full = tell(steps, { limits });
  expect(idsOf(full.of('transmit'))).toEqual([1, 2, 3, 4, 7]);
  expect(full.of('dropped')).toEqual([{ kind: 'dropped', messages: 1 }]);
  const eased = tell([...steps, frame(1, data([], [5, 5]))], { limits });
  expect(idsOf(eased.of('transmit'))).toEqual([1, 2, 3, 4, 7, 5, 6, 9, 10]);
});

test('D6 backoff: many failures -> jitter under the cap, not at it: no two of the herd agree', () => {
  const random = createRandom(6);
  const waits = Array.from({ length: 1000 }, () => backoffDelay(12, BACKOFF, false, random));
  expect(waits.filter((by) => by >= 29_990).length).toBeLessThan(20);
  expect(Math.min(...waits)).toBeLessThan(1000);
  expect(Math.max(...waits)).toBeGreaterThan(28_000);
  expect(Math.max(...Array.from({ length: 1000 }, () => backoffDelay(12, BACKOFF, true, random)))).toBeLessThanOrEqual(5000);
});

test('D7 backoff: ten thousand failures -> a finite wait within the cap', () => {
  const by = backoffDelay(10_000, BACKOFF, false, createRandom(7));
  expect(by).toBeGreaterThanOrEqual(0);
  expect(by).toBeLessThanOrEqual(30_000);
});

test('D8 client: attemptsMax 1 and a proven link that is lost -> exactly one attempt, then failed', () => {
  const lost: Step<ClientInput>[] = [
    { kind: 'started' }, ...up(1), wait(3000), frame(1, beatAck(1)), wait(3000), frame(1, beatAck(3)),
    { kind: 'linkClosed', link: 1, code: 1006, reason: 'cut' }, wait(300),
    { kind: 'dialFailed', link: 2, reason: 'refused', terminal: false }, wait(60_000),
  ]; // prettier-ignore
  const { of } = tell(lost, { attemptsMax: 1 });
  expect(of('dial').map(({ link }) => link)).toEqual([1, 2]);
  expect(of('failed')).toEqual([{ kind: 'failed', code: 0, reason: '1 attempts, the last: refused' }]);
  const first = tell([{ kind: 'started' }, { kind: 'dialFailed', link: 1, reason: 'refused', terminal: false }, wait(60_000)], {
    attemptsMax: 1,
  });
  expect(first.of('dial')).toHaveLength(1);
});

test('D9 client: a peer that opens links and closes them -> the waits grow; only a link that answers after 5 s resets them', () => {
  const steps: Step<ClientInput>[] = [{ kind: 'started' }];
  for (let link = 1; link <= 12; link += 1) {
    steps.push({ kind: 'linkOpened', link }, frame(link, welcome()), wait(4000), frame(link, beatAck(1)));
    steps.push({ kind: 'linkClosed', link, code: 1013, reason: 'no' }, wait(30_000));
  }
  const rejected = tell(steps, { dialWithin: durationMs(60_000) });
  expect(rejected.snapshot.attempts).toBe(13);
  expect(Math.max(...rejected.of('down').map(({ retryIn }) => retryIn))).toBeGreaterThan(5000);
  const proven = tell([{ kind: 'started' }, ...up(1), wait(3000), frame(1, beatAck(1)), wait(3000), frame(1, beatAck(2))]);
  expect(proven.snapshot.attempts).toBe(0);
});

test('D10 client: an outage of an hour -> the first check of the new link does not fail; asked to reconnect -> one dial, not two', () => {
  const outage = tell([
    { kind: 'started' }, ...up(1), wait(3000), frame(1, beatAck(1)), { kind: 'linkClosed', link: 1, code: 1006, reason: 'cut' },
    wait(300), { kind: 'dialFailed', link: 2, reason: 'refused', terminal: false }, { kind: 'stalled', by: durationMs(3_600_000) }, wait(600),
    { kind: 'linkOpened', link: 3 }, frame(3, welcome({ fresh: undefined, resumed: { received: 0 } })), wait(7000),
  ]); // prettier-ignore
  expect(outage.snapshot.state).toBe('connected');
  expect(outage.of('closeLink')).toEqual([]);
  const asked = tell([
    { kind: 'started' },
    ...up(1),
    { kind: 'reconnectAsked' },
    { kind: 'linkClosed', link: 1, code: 1000, reason: '' },
    { kind: 'reconnectAsked' },
    wait(5000),
  ]);
  expect(asked.of('dial').map(({ link }) => link)).toEqual([1, 2]);
});

test('D16 client: messages of all lanes offered while disconnected -> leave by lane, each lane in order, the first try not repeated', () => {
  const { of } = tell([
    { kind: 'started' }, ...up(1), { kind: 'linkClosed', link: 1, code: 1006, reason: 'cut' },
    offer(1, 'low'), offer(2, 'normal'), offer(3, 'critical'), offer(4, 'high'), offer(5, 'critical'), offer(6, 'background'), offer(7, 'low'), offer(8, 'high'),
    wait(300), { kind: 'linkOpened', link: 2 }, frame(2, welcome({ fresh: undefined, resumed: { received: 0 } })),
  ]); // prettier-ignore
  const texts = of('transmit').filter(({ text }) => text.includes('"m":[['));
  expect(texts).toHaveLength(1);
  expect(idsOf(texts)).toEqual([3, 5, 4, 8, 2, 1, 7, 6]);
  expect(JSON.parse(of('transmit').find(({ link }) => link === 2)!.text)).toMatchObject({ f: 'hello' });
});

test('D24 both ends: the close of a replaced link arrives late -> the new link stays', () => {
  const server = tellServer([
    { kind: 'helloAccepted', link: 1, hello: hello(), session: 's1', token: 't1' },
    { kind: 'helloAccepted', link: 2, hello: hello({ resume: { session: 's1', token: 't1', received: 0 } }), session: 'x', token: 't2' },
    { kind: 'linkClosed', link: 1, reason: 'late' },
    { kind: 'frameReceived', link: 1, frame: workerData([[1, { t: 'x' }]]) },
  ]);
  expect(server.snapshot).toMatchObject({ state: 'linked', link: 2 });
  expect(server.of('deliver')).toEqual([]);
  expect(server.of('closeLink')).toEqual([{ kind: 'closeLink', link: 1, code: 1013, reason: 'a newer link of this worker' }]);
  const client = tell([
    { kind: 'started' },
    ...up(1),
    { kind: 'reconnectAsked' },
    { kind: 'linkOpened', link: 2 },
    frame(2, welcome({ fresh: undefined, resumed: { received: 0 } })),
    { kind: 'linkClosed', link: 1, code: 1013, reason: 'late' },
    frame(1, data([[1, { t: 'drain' }]])),
  ]);
  expect(client.snapshot).toMatchObject({ state: 'connected', link: 2 });
  expect(client.of('deliver')).toEqual([]);
});

test('client: a message that every receiver would refuse, and a backlog past its bound -> coded errors that carry the story', () => {
  const errorOf = (run: () => unknown): { code: string; details: { story: { what: string }[] } } => {
    try {
      run();
    } catch (error) {
      return error as never;
    }
    throw new Error('nothing was thrown');
  };
  const huge: ClientInput = { kind: 'offered', lane: 'high', payload: { t: 'x', text: 'x'.repeat(300_000) } as { t: string } };
  const refused = errorOf(() => tell([{ kind: 'started' }, ...up(1), huge]));
  expect(refused.code).toBe('RECONNECTION_MESSAGE_REFUSED');
  expect(refused.details.story.map(({ what }) => what)).toEqual([
    'idle started dialing',
    'dialing linkOpened greeting',
    'greeting frameReceived proving',
    'proving frameReceived open',
  ]);
  const cut: ClientInput = { kind: 'linkClosed', link: 1, code: 1006, reason: 'cut' };
  const full = errorOf(() =>
    tell([{ kind: 'started' }, ...up(1), cut, offer(1), offer(2), offer(3)], { limits: { queuedMessagesMax: 2 } }),
  );
  expect(full.code).toBe('RECONNECTION_OUTBOX_FULL');
});
