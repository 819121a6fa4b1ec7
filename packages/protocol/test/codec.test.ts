import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  CLOSE,
  coordinatorFrame,
  coordinatorMessage,
  decodeFrame,
  encodeData,
  encodeFrame,
  encodeMessage,
  encodePiece,
  LIMITS,
  reactionTo,
  readMessage,
  scanJson,
  workerFrame,
  workerMessage,
} from '../src/index.ts';

const frameOf = (payload: string): string => encodeData(0, 0, [encodePiece(1, payload)]);

test('J1 scan: any JSON -> its bytes as UTF-8, and no problem within the limits', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.string({ unit: 'grapheme' }), (json, text) => {
      for (const one of [json, JSON.stringify({ [text]: text })]) {
        expect(scanJson(one)).toEqual({ bytes: new TextEncoder().encode(one).length, problem: undefined });
      }
    }),
  );
});

test('C3 data frame: any messages -> decoded as they were, with the acks', () => {
  fc.assert(
    fc.property(fc.array(fc.json({ maxDepth: 4 }), { maxLength: 20 }), fc.nat(), (payloads, ack) => {
      const pieces = payloads.map((json, index) => encodePiece(index + 1, json));
      const decoded = decodeFrame(encodeData(ack, ack, pieces), workerFrame);
      expect(decoded).toEqual({
        ok: true,
        value: { f: 'data', a: [ack, ack], m: payloads.map((json, index) => [index + 1, withoutProto(JSON.parse(json))]) },
      });
    }),
  );
});

test('attack 35: too deep, too wide, too long, not JSON, scalars -> refused with a reason, before anything is built', () => {
  const refused = (payload: string): string => {
    const decoded = decodeFrame(frameOf(payload), workerFrame);
    return decoded.ok ? 'taken' : decoded.problem;
  };
  expect(refused('['.repeat(100_000))).toBe('nested deeper than 32');
  expect(refused(`${'['.repeat(30)}${']'.repeat(30)}`)).toBe('nested deeper than 32');
  expect(refused(`${'['.repeat(29)}${']'.repeat(29)}`)).toBe('taken');
  expect(refused(`{${Array.from({ length: 1001 }, (_, index) => `"${index}":0`).join(',')}}`)).toBe('more than 1000 members');
  expect(refused(`[${'0,'.repeat(10_000)}0]`)).toBe('more than 10000 members');
  expect(refused(`"${'x'.repeat(262_145)}"`)).toBe('string of 262145 units');
  expect(refused(`"${'x'.repeat(262_144)}"`)).toBe('taken');
  expect(refused('"x')).toBe('unfinished string');
  expect(refused('tru')).toBe('not JSON');
  expect(refused(`"${'é'.repeat(200_000)}","${'é'.repeat(200_000)}","${'é'.repeat(200_000)}"`)).toBe('frame of 1200041 bytes');
  for (const scalar of ['1', '"x"', 'null', '[]', '{}', '']) expect(decodeFrame(scalar, workerFrame).ok, scalar).toBe(false);
  expect(decodeFrame('x'.repeat(LIMITS.frameBytesMax + 1), workerFrame)).toEqual({ ok: false, problem: 'frame of 1048577 units' });
});

test('attack 31 38: numbers that are none of ours in resume, acks and message numbers -> refused', () => {
  const hello = (received: string): string =>
    `{"f":"hello","protocol":[1],"worker":"w","incarnation":"i","registration":{"name":"w","slots":1,"labels":{},"pid":1},"resume":{"session":"s","token":"t","received":${received}}}`;
  expect(decodeFrame(hello('5'), workerFrame).ok).toBe(true);
  for (const number of ['-1', '9007199254740992', '1e400', '1.5', '"5"', 'null', 'NaN'])
    expect(decodeFrame(hello(number), workerFrame).ok, number).toBe(false);
  expect(decodeFrame('{"f":"data","a":[0,-1],"m":[]}', workerFrame).ok).toBe(false);
  expect(decodeFrame('{"f":"data","a":[0],"m":[]}', workerFrame).ok).toBe(false);
  expect(decodeFrame('{"f":"data","a":[0,0],"m":[[0,{}]]}', workerFrame).ok).toBe(false);
  expect(decodeFrame('{"f":"beat","n":1,"a":[0,0],"held":{"count":0,"hash":0},"credits":1000000}', workerFrame).ok).toBe(false);
});

test('C2 attack 36: keys that name prototypes -> removed or plain data, nothing is polluted; a repeated key -> the last counts', () => {
  const payload = '{"t":"x","__proto__":{"polluted":1},"a":{"\\u005f_proto__":{"polluted":1},"constructor":{"prototype":1}},"b":1,"b":2}';
  const decoded = decodeFrame(frameOf(payload), workerFrame);
  if (!decoded.ok || decoded.value.f !== 'data') throw new Error('not decoded');
  const message = decoded.value.m[0]![1] as Record<string, unknown>;
  expect(Object.hasOwn(message, '__proto__')).toBe(false);
  expect(Object.keys(message['a'] as object)).toEqual(['constructor']);
  expect(message['b']).toBe(2);
  expect(Object.assign({}, message)).not.toHaveProperty('polluted');
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('J2 message: what a receiver would refuse -> the sender learns it; the deepest and longest allowed -> pass in a frame', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
  expect(encodeMessage({ t: 'x', data: nested(29) } as { t: string }).ok).toBe(false);
  expect(encodeMessage({ t: 'x', data: ['x'.repeat(262_144), 'y'.repeat(262_144)] } as { t: string })).toMatchObject({ ok: false });
  const deepest = encodeMessage({ t: 'x', data: nested(28) } as { t: string });
  if (!deepest.ok) throw new Error(deepest.problem);
  expect(decodeFrame(frameOf(deepest.value.json), workerFrame).ok).toBe(true);
});

test('P2 payload: unknown type -> told apart from a known type with wrong content; unknown fields -> ignored', () => {
  expect(readMessage({ t: 'future', x: 1 }, workerMessage)).toEqual({ ok: false, problem: { kind: 'unknown', type: 'future' } });
  expect(readMessage({ t: 'started', run: 1, n: 0, epoch: 1 }, workerMessage)).toMatchObject({ ok: false, problem: { kind: 'invalid' } });
  expect(readMessage(17, workerMessage)).toMatchObject({ ok: false, problem: { kind: 'invalid' } });
  expect(readMessage({ t: 'drain', later: true }, coordinatorMessage)).toEqual({ ok: true, value: { t: 'drain' } });
});

test('frames: each encoded frame -> decodes to itself; a frame of the other direction -> refused', () => {
  const beat = { f: 'beat' as const, n: 1, a: [2, 1] as [number, number], held: { count: 1, hash: 9 }, credits: 3 };
  expect(decodeFrame(encodeFrame(beat), workerFrame)).toEqual({ ok: true, value: beat });
  expect(decodeFrame(encodeFrame(beat), coordinatorFrame).ok).toBe(false);
  const goaway = { f: 'goaway' as const, reason: 'restart', retryAfterMs: 100 };
  expect(decodeFrame(encodeFrame(goaway), coordinatorFrame)).toEqual({ ok: true, value: goaway });
});

test('close codes: each has its own number; unknown ones -> retry', () => {
  const codes = Object.values(CLOSE).map((meaning) => meaning.code);
  expect(new Set(codes).size).toBe(codes.length);
  expect([4401, 4403, 4409, 4426].map(reactionTo)).toEqual(['stop', 'stop', 'stop', 'stop']);
  expect([1005, 1006, 4999].map(reactionTo)).toEqual(['retry', 'retry', 'retry']);
  expect([4400, 4410, 4413].map(reactionTo)).toEqual(['register', 'register', 'register']);
});

function withoutProto(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutProto);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== '__proto__')
      .map(([key, child]) => [key, withoutProto(child)]),
  );
}
