import { durationMs } from '@holdfast/kernel';
import { expect, test } from 'vitest';
import type { ClientInput, ServerInput } from '../src/index.ts';
import { beatAck, data, challenge, hello, welcome, workerBeat, workerData } from './frames.ts';
import { frame, idsOf, offer, resume, type Step, tell, tellServer, up, wait } from './story.ts';

const accepted = (link: number, of = hello()): ServerInput => ({
  kind: 'helloAccepted',
  link,
  hello: of,
  session: `s${link}`,
  token: `t${link}`,
});
const cut = (link: number, code = 1006): ClientInput => ({ kind: 'linkClosed', link, code, reason: 'cut' });
const fromWorker = (link: number, of: Extract<ServerInput, { kind: 'frameReceived' }>['frame']): ServerInput => ({
  kind: 'frameReceived',
  link,
  frame: of,
});
const framesOf = (texts: readonly { text: string }[]): number[][] =>
  texts.filter(({ text }) => text.includes('"m":[[')).map(({ text }) => (JSON.parse(text) as { m: [number][] }).m.map(([seq]) => seq));

test('I1 client: fresh after messages in flight and waiting -> neither is sent again, numbers begin at 1', () => {
  const { of, snapshot } = tell([
    { kind: 'started' },
    ...up(1),
    offer(1),
    cut(1),
    offer(2),
    wait(300),
    { kind: 'linkOpened', link: 2 },
    frame(2, welcome({ session: 's2', fresh: 'coordinator_changed' })),
    offer(3),
  ]);
  expect(of('opened').map(({ how, reason }) => [how, reason])).toEqual([
    ['fresh', 'first'],
    ['fresh', 'coordinator_changed'],
  ]);
  expect(idsOf(of('transmit').filter(({ link }) => link === 2))).toEqual([3]);
  expect(framesOf(of('transmit'))).toEqual([[1], [1]]);
  expect(snapshot.unreceived).toBe(1);
});

test('I1 client: closed with 4410 -> the next hello asks for no resume, and what is offered until fresh is not kept', () => {
  const { of } = tell([
    { kind: 'started' },
    ...up(1),
    offer(1),
    cut(1, 4410),
    offer(2),
    wait(300),
    { kind: 'linkOpened', link: 2 },
    frame(2, welcome()),
  ]);
  const second = of('transmit').filter(({ link }) => link === 2);
  expect(JSON.parse(second[0]!.text)).not.toHaveProperty('resume');
  expect(idsOf(second)).toEqual([]);
});

test('I2 client: a welcome that resumes another session, or past what was sent, or before what was acked -> 4400, then no resume', () => {
  const lies = [{ session: 'other', received: 1 }, { session: 's1', received: 3 }, { session: 's1', received: 0 }]; // prettier-ignore
  for (const { session, received } of lies) {
    const { of, snapshot } = tell([
      { kind: 'started' },
      ...up(1),
      offer(1),
      frame(1, data([], [1, 0])),
      offer(2),
      cut(1),
      wait(300),
      { kind: 'linkOpened', link: 2 },
      frame(2, welcome({ session, fresh: undefined, resumed: { received } })),
    ]);
    expect(of('closeLink').map(({ link, code }) => [link, code])).toEqual([[2, 4400]]);
    expect(snapshot.session).toBeUndefined();
  }
});

test('I2 I6 server: resume of another incarnation, session, token -> fresh with the reason; past what was sent -> 4400 and the session stays', () => {
  const reason = (of: ReturnType<typeof hello>): string | undefined => tellServer([accepted(1), accepted(2, of)]).of('opened')[1]?.reason;
  expect(reason({ ...resume('t1'), incarnation: 'i2' })).toBe('incarnation_changed');
  const guessed = tellServer([accepted(1), accepted(2, resume('wrong'))]);
  expect(guessed.of('closeLink').map(({ link, code }) => [link, code])).toEqual([[2, 4410]]);
  expect(guessed.snapshot).toMatchObject({ state: 'linked', link: 1 });
  expect(reason(hello({ resume: { session: 's9', token: 't1', received: 0 } }))).toBe('unknown_session');
  expect(tellServer([accepted(1, resume('t1'))]).of('opened')[0]?.reason).toBe('unknown_session');
  const past = hello({ resume: { session: 's1', token: 't1', received: 1 } });
  const story = tellServer([accepted(1), accepted(2, past), fromWorker(1, workerData([[1, { t: 'x' }]]))]);
  expect(story.of('closeLink').map(({ link, code }) => [link, code])).toEqual([[2, 4400]]);
  expect(story.of('deliver')).toHaveLength(1);
  expect(story.snapshot).toMatchObject({ state: 'linked', link: 1 });
});

test('I6 server: a resume from before what was acked -> gap with the exact range, a new session', () => {
  const { of } = tellServer([
    accepted(1),
    { kind: 'offered', lane: 'high', payload: { t: 'drain' } },
    fromWorker(1, workerBeat(1, [1, 1])),
    accepted(2, resume('t1')),
  ]);
  expect(of('opened').map(({ how, reason }) => reason ?? how)).toEqual(['first', 'window_exceeded']);
  const welcomes = of('transmit').filter(({ text }) => text.startsWith('{"f":"welcome"'));
  expect(JSON.parse(welcomes[1]!.text)).toMatchObject({ gap: { from: 1, to: 1, reason: 'window_exceeded' } });
  expect(welcomes[1]!.text).not.toMatch(/"(fresh|resumed)"/);
});

test('I11 server: an answer to a beat of an earlier link or an earlier beat -> nothing is sent', () => {
  const acksOf = (steps: readonly Step<ServerInput>[]): number =>
    tellServer(steps)
      .of('transmit')
      .filter(({ text }) => text.includes('beatAck')).length;
  const answer = (n: number): ServerInput => ({ kind: 'beatAnswered', n, renewed: true });
  expect(acksOf([accepted(1), fromWorker(1, workerBeat(1)), answer(1)])).toBe(1);
  expect(acksOf([accepted(1), fromWorker(1, workerBeat(1)), accepted(2, resume('t1')), answer(1)])).toBe(0);
  expect(acksOf([accepted(1), fromWorker(1, workerBeat(1)), fromWorker(1, workerBeat(2)), answer(1)])).toBe(0);
});

test('I14 client: telemetry fills half the window -> the rest stays for what matters', () => {
  const limits = { windowMessagesMax: 8, criticalSlots: 2 };
  const logs = [1, 2, 3, 4, 5, 6].map((id) => offer(id, 'low'));
  const { of } = tell(
    [{ kind: 'started' }, ...up(1), ...logs, offer(7, 'high'), offer(8, 'background'), offer(9, 'high'), offer(10, 'high')],
    { limits },
  );
  expect(idsOf(of('transmit'))).toEqual([1, 2, 3, 4, 7, 9]);
});

test('I14 client: the window is full by bytes, or by messages not committed -> nothing leaves until acks make room', () => {
  const bytes = { windowBytesMax: 100, criticalBytes: 30 };
  const offers = [1, 2, 3, 4].map((id) => offer(id));
  const byBytes = tell([{ kind: 'started' }, ...up(1), ...offers, offer(5, 'critical')], { limits: bytes });
  expect(idsOf(byBytes.of('transmit'))).toEqual([1, 2, 3, 5]);
  const limits = { uncommittedMax: 4, criticalSlots: 1 };
  const steps: Step<ClientInput>[] = [{ kind: 'started' }, ...up(1), ...offers, frame(1, data([], [3, 0]))];
  expect(idsOf(tell(steps, { limits }).of('transmit'))).toEqual([1, 2, 3]);
  expect(idsOf(tell([...steps, frame(1, beatAck(1, [3, 1]))], { limits }).of('transmit'))).toEqual([1, 2, 3, 4]);
});

test('I14 server: a peer that sends past what may be uncommitted -> 4400', () => {
  const messages = [1, 2, 3].map((seq): [number, unknown] => [seq, { t: 'x' }]);
  const { of } = tellServer([accepted(1), fromWorker(1, workerData(messages))], { limits: { uncommittedMax: 2 } });
  expect(of('closeLink').map(({ code }) => code)).toEqual([4400]);
  const honest: Step<ServerInput>[] = [
    accepted(1),
    fromWorker(1, workerData(messages.slice(0, 2))),
    { kind: 'committed', seq: 1 },
    fromWorker(1, workerData(messages.slice(2))),
  ];
  expect(tellServer(honest, { limits: { uncommittedMax: 2 } }).of('closeLink')).toEqual([]);
});

test('H1 client: more waits than one frame may carry, by messages and by bytes -> several frames, each within its limit', () => {
  const offline = [cut(1), ...[1, 2, 3, 4, 5].map((id) => offer(id)), wait(300)];
  const back: Step<ClientInput>[] = [{ kind: 'linkOpened', link: 2 }, frame(2, welcome({ fresh: undefined, resumed: { received: 0 } }))];
  const steps: Step<ClientInput>[] = [{ kind: 'started' }, ...up(1), ...offline, ...back];
  expect(framesOf(tell(steps).of('transmit'))).toEqual([[1, 2, 3, 4, 5]]);
  expect(framesOf(tell(steps, { limits: { frameMessagesMax: 2 } }).of('transmit'))).toEqual([[1, 2], [3, 4], [5]]);
  const byBytes = tell(steps, { limits: { frameBytesMax: 180 } }).of('transmit');
  expect(framesOf(byBytes)).toEqual([[1, 2], [3, 4], [5]]);
  for (const { text } of byBytes.filter(({ text }) => text.includes('"data"'))) expect(text.length).toBeLessThanOrEqual(180);
});

test('A3 both ends: a receipt -> acked alone after 5 ms; a commit -> acked in the same turn; a frame that leaves before carries it', () => {
  const acks = (log: ReturnType<typeof tell>['log'] | ReturnType<typeof tellServer>['log']) =>
    log.flatMap(({ at, effect }) =>
      effect.kind === 'transmit' && effect.text.includes('"data"') ? [[at, (JSON.parse(effect.text) as { a: unknown }).a]] : [],
    );
  const client = tell([{ kind: 'started' }, ...up(1), wait(100), frame(1, data([[1, { t: 'drain' }]])), wait(50)]);
  expect(acks(client.log)).toEqual([[105, [1, 1]]]);
  const rides = tell([{ kind: 'started' }, ...up(1), wait(100), frame(1, data([[1, { t: 'drain' }]])), wait(2), offer(1), wait(50)]);
  expect(acks(rides.log)).toEqual([[102, [1, 1]]]);
  const server = tellServer([accepted(1), fromWorker(1, workerData([[1, { t: 'x' }]])), wait(50), { kind: 'committed', seq: 1 }, wait(50)]);
  expect(acks(server.log)).toEqual([[5, [1, 0]], [50, [1, 1]]]); // prettier-ignore
});

test('I10 server: a stall of the coordinator -> nobody becomes suspect for it', () => {
  const { of } = tellServer([accepted(1), { kind: 'stalled', by: durationMs(60_000) }, wait(60_000)]);
  expect(of('suspect')).toEqual([]);
});

test('I13 server: asked to close -> what waits, goaway with the slot, the code, expired; a later hello is told so', () => {
  const { kinds, of } = tellServer([
    accepted(1),
    { kind: 'closeAsked', code: 1012, reason: 'restart', retryAfterMs: 700 },
    accepted(2, resume('t1')),
  ]);
  expect(kinds).toEqual(['transmit', 'opened', 'transmit', 'closeLink', 'expired', 'transmit', 'opened']);
  expect(JSON.parse(of('transmit')[1]!.text)).toEqual({ f: 'goaway', reason: 'restart', retryAfterMs: 700 });
  expect(of('opened')[1]).toMatchObject({ how: 'fresh', reason: 'session_ended' });
});

test('I2 server: a gap -> 4400, and the session it broke cannot be resumed', () => {
  const { of } = tellServer([accepted(1), fromWorker(1, workerData([[1, { t: 'x' }], [3, { t: 'x' }]])), accepted(2, resume('t1'))]); // prettier-ignore
  expect(of('deliver').map(({ seq }) => seq)).toEqual([1]);
  expect(of('closeLink').map(({ code, reason }) => [code, reason])).toEqual([[4400, 'message 3 follows message 1']]);
  expect(of('opened')[1]).toMatchObject({ how: 'fresh', reason: 'unknown_session' });
});

test('I12 client: a version that was not offered -> 4426, failed; after a reconnect by hand no resume is asked and nothing is sent again', () => {
  const strange = tell([{ kind: 'started' }, { kind: 'linkOpened', link: 1 }, frame(1, challenge({ protocol: 3 }))], { protocol: [2] });
  expect(strange.of('closeLink').map(({ code }) => code)).toEqual([4426]);
  expect(strange.of('failed').map(({ code }) => code)).toEqual([4426]);
  const again = tell([
    { kind: 'started' },
    ...up(1),
    offer(1),
    cut(1, 4401),
    offer(2),
    { kind: 'reconnectAsked' },
    { kind: 'linkOpened', link: 2 },
  ]);
  expect(again.of('failed').map(({ code }) => code)).toEqual([4401]);
  expect(JSON.parse(again.of('transmit').find(({ link }) => link === 2)!.text)).not.toHaveProperty('resume');
  expect(again.snapshot.unreceived).toBe(0);
});
