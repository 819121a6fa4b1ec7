import { createRandom, durationMs, monoMs } from '@holdfast/kernel';
import { seededEntropy } from '@holdfast/testkit';
import { deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type ClientInput, createSlots } from '../src/index.ts';
import { nodePacker } from '../src/io/ws.ts';
import { challenge, data, hello, welcome, workerData } from './frames.ts';
import { frame, idsOf, offer, type Step, tell, tellServer, up, wait } from './story.ts';

const cut = (link: number): ClientInput => ({ kind: 'linkClosed', link, code: 1006, reason: 'cut' });
const back = (link: number, received: number): Step<ClientInput>[] => [
  { kind: 'linkOpened', link },
  frame(link, welcome({ fresh: undefined, resumed: { received } })),
];
const within = (id: number, expiresIn: number): ClientInput => ({ ...offer(id), expiresIn: durationMs(expiresIn) }) as ClientInput;
const times = (id: number, attemptsMax: number): ClientInput => ({ ...offer(id), attemptsMax }) as ClientInput;

test('I17 client: messages with a time wait for a link longer than that -> never sent, told and counted, the others leave in order', () => {
  const { of, snapshot } = tell([
    { kind: 'started' },
    ...up(1),
    cut(1),
    within(1, 100),
    offer(2),
    within(3, 60_000),
    wait(300),
    ...back(2, 0),
  ]);
  expect(idsOf(of('transmit'))).toEqual([2, 3]);
  expect(of('expired')).toEqual([{ kind: 'expired', key: 'k1', delivered: 'never' }]);
  expect(snapshot).toMatchObject({ expired: 1, unreceived: 2 });
});

test('I17 client: a message that may leave on one link was lost with it -> its number leaves as null, its key is never settled', () => {
  const { of, snapshot } = tell([
    { kind: 'started' }, ...up(1), times(1, 1), offer(2), cut(1), wait(300), ...back(2, 0), frame(2, data([], [2, 2])),
  ]); // prettier-ignore
  const again = of('transmit').find(({ link, text }) => link === 2 && text.includes('"m":[['))!;
  expect(again.text).toContain('"m":[[1,null],[2,{"t":"x","id":2}]]');
  expect(of('expired')).toEqual([{ kind: 'expired', key: 'k1', delivered: 'perhaps' }]);
  expect(of('settled').map(({ key }) => key)).toEqual(['k2']);
  expect(snapshot).toMatchObject({ expired: 1, unreceived: 0, uncommitted: 0 });
});

test('I17 server: a number that comes as null -> counted and committed, nothing is delivered, the next one is', () => {
  const { of } = tellServer([
    { kind: 'helloAccepted', link: 1, hello: hello(), session: 's1', token: 't1' },
    { kind: 'frameReceived', link: 1, frame: workerData([[1, null], [2, { t: 'x' }]]) },
    { kind: 'committed', seq: 2 },
    wait(10),
  ]); // prettier-ignore
  expect(of('deliver').map(({ seq }) => seq)).toEqual([2]);
  expect(of('transmit').at(-1)!.text).toBe('{"f":"data","a":[2,2],"m":[]}');
});

test('I18 client: more waits than the mark -> pressure once, gone below half of it', () => {
  const limits = { pressureMessages: 4 };
  const { of, snapshot } = tell([{ kind: 'started' }, ...up(1), cut(1), ...[1, 2, 3, 4, 5].map((id) => offer(id))], { limits });
  expect(of('pressure').map(({ level }) => level)).toEqual(['high']);
  expect(snapshot.pressure).toBe('high');
  const eased = tell([{ kind: 'started' }, ...up(1), cut(1), ...[1, 2, 3, 4, 5].map((id) => offer(id)), wait(300), ...back(2, 0)], {
    limits,
  });
  expect(eased.of('pressure').map(({ level }) => level)).toEqual(['high', 'normal']);
});

const large = { t: 'x', id: 1, text: 'the same again and again, '.repeat(200) };
const opened: Step<ClientInput>[] = [
  { kind: 'started' },
  { kind: 'linkOpened', link: 1 },
  frame(1, challenge({ compress: 'zstd' })),
  frame(1, welcome()),
];
/** A story whose hello offers compression and is answered by hand. */
const tellPacked = (steps: readonly Step<ClientInput>[]) => tell(steps, { protocol: [2] }, { packer: nodePacker });

test('I19 both ends: a large message -> packed once, replayed as the same bytes, delivered whole; a small one goes as it is', () => {
  const { of } = tellPacked([
    ...opened,
    { kind: 'offered', lane: 'high', payload: large, key: 'k1' },
    offer(2),
    cut(1),
    wait(300),
    { kind: 'linkOpened', link: 2 },
    frame(2, challenge({ compress: 'deflate' })),
    frame(2, welcome({ fresh: undefined, resumed: { received: 0 } })),
  ]);
  const pieces = of('transmit').flatMap(({ text }) => (text.includes('"m":[[1,') ? [text.slice(text.indexOf('[1,'))] : []));
  expect(pieces).toHaveLength(2);
  const payload = (text: string): string => (JSON.parse(`[${text.slice(0, text.lastIndexOf(']}'))}]`) as [number, string][])[0]![1];
  expect(payload(pieces[1]!)).toBe(payload(pieces[0]!));
  expect(pieces[0]!.length).toBeLessThan(JSON.stringify(large).length / 2);
  const server = tellServer(
    [
      { kind: 'helloAccepted', link: 1, hello: hello({ compress: ['zstd', 'deflate'] }), session: 's1', token: 't1' },
      { kind: 'frameReceived', link: 1, frame: workerData([[1, payload(pieces[0]!)], [2, { t: 'x', id: 2 }]]) },
    ],
    {},
    nodePacker,
  ); // prettier-ignore
  expect(server.of('deliver').map((effect) => effect.payload)).toEqual([large, { t: 'x', id: 2 }]);
});

test('I19 server: a bomb, rubbish, a method nobody agreed on -> 4413 without inflating it, 4400', () => {
  const bomb = `d${deflateRawSync(Buffer.alloc(64 * 1024 * 1024)).toString('base64')}`;
  const codes = (payload: string, packer = nodePacker) =>
    tellServer(
      [
        { kind: 'helloAccepted', link: 1, hello: hello({ compress: ['deflate'] }), session: 's1', token: 't1' },
        { kind: 'frameReceived', link: 1, frame: workerData([[1, payload]]) },
      ],
      {},
      packer,
    )
      .of('closeLink')
      .map(({ code }) => code);
  const before = process.memoryUsage().arrayBuffers;
  expect(codes(bomb)).toEqual([4413]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024);
  expect(codes('dAAAA')).toEqual([4400]);
  expect(codes(`d${deflateRawSync('not json').toString('base64')}`)).toEqual([4400]);
  expect(codes('q')).toEqual([4400]);
  expect(codes('zAAAA', { ...nodePacker, methods: ['deflate'] })).toEqual([4400]);
});

test('I19 packer: what does not shrink by a tenth, base64 included -> goes as it is', () => {
  const noise = Buffer.from(seededEntropy(createRandom(1)).bytes(1500)).toString('base64');
  const { of } = tellPacked([...opened, { kind: 'offered', lane: 'high', payload: { t: 'x', noise } as { t: string } }]);
  expect(of('transmit').some(({ text }) => text.includes(noise))).toBe(true);
});

test('Q1 slots: a fleet asks at once -> each gets its own; later ones begin anew', () => {
  const slots = createSlots(durationMs(500), durationMs(2));
  expect(Array.from({ length: 4 }, () => slots.take(monoMs(0)))).toEqual([500, 502, 504, 506]);
  expect(slots.take(monoMs(10_000))).toBe(500);
});

test('P5 both ends: a beat without a session -> reregister and 4410; the worker comes again without resume', () => {
  const server = tellServer([
    { kind: 'frameReceived', link: 3, frame: { f: 'beat', n: 1, a: [0, 0], held: { count: 0, hash: 0 }, credits: 1 } },
  ]);
  expect(JSON.parse(server.of('transmit')[0]!.text)).toMatchObject({ f: 'reregister' });
  expect(server.of('closeLink')).toMatchObject([{ link: 3, code: 4410 }]);
  const client = tell([
    { kind: 'started' },
    ...up(1),
    frame(1, { f: 'reregister', reason: 'no session' }),
    wait(300),
    { kind: 'linkOpened', link: 2 },
  ]);
  expect(client.of('closeLink')).toMatchObject([{ link: 1, code: 4410 }]);
  expect(JSON.parse(client.of('transmit').find(({ link }) => link === 2)!.text)).not.toHaveProperty('resume');
});

test('M6 client: every answered beat -> tells its own round trip', () => {
  const { of } = tell([{ kind: 'started' }, ...up(1), wait(40), frame(1, { f: 'beatAck', n: 1, a: [0, 0], renewed: true })]);
  expect(of('renewed').map(({ roundTrip }) => roundTrip)).toEqual([40]);
});
