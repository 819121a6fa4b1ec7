/** The gate against what strangers and thieves can try (attack rows 24 to 26, 34), over real digests. */
import { createRandom, monoMs } from '@holdfast/kernel';
import { nodeMac } from '@holdfast/kernel/node';
import { type Challenge, createSeal, keysOf, proofOf, sealKeysOf, serverProofOf, transcriptOf, type WorkerFrame } from '@holdfast/protocol';
import { seededEntropy } from '@holdfast/testkit';
import { expect, test } from 'vitest';
import { createGate, type Gate, type GateEffect, type GateOptions } from '../src/index.ts';
import { hello, workerBeat } from './frames.ts';

const now = monoMs(0);
const KEYS = keysOf(nodeMac, 'the right secret');
const NONCE = 'd'.repeat(64);
let nonces = 0;
const gate = (options: GateOptions = {}): Gate =>
  createGate(
    options,
    { mac: nodeMac, entropy: seededEntropy(createRandom((nonces += 1))), find: (key) => (key === 'k' ? KEYS : undefined) },
    now,
  );
const say = (at: Gate, frame: WorkerFrame): readonly GateEffect[] =>
  at.handle({ kind: 'frameReceived', frame, text: JSON.stringify(frame) }, now);
const greeting = hello({ key: 'k', nonce: NONCE });
const challengeOf = (effects: readonly GateEffect[]): Challenge => {
  const [first] = effects;
  if (first?.kind !== 'transmit') throw new Error(`no challenge but ${JSON.stringify(effects)}`);
  return JSON.parse(first.text) as Challenge;
};
const codeOf = (effects: readonly GateEffect[]): unknown =>
  effects.map((effect) => (effect.kind === 'refused' ? effect.code : effect.kind));

test('I15 gate: the right proof -> proven, with a proof of its own', () => {
  const one = gate();
  const transcript = transcriptOf(JSON.stringify(greeting), challengeOf(say(one, greeting)));
  expect(say(one, { f: 'proof', proof: proofOf(nodeMac, KEYS, transcript) })).toEqual([
    { kind: 'proven', hello: greeting, key: 'k', proof: serverProofOf(nodeMac, KEYS, transcript) },
  ]);
});

test('I15 gate: a wrong, replayed, reflected or stolen proof, an unknown key -> 4401, all in the same words', () => {
  const other = gate();
  const captured = proofOf(nodeMac, KEYS, transcriptOf(JSON.stringify(greeting), challengeOf(say(other, greeting))));
  const attempts: Record<string, (transcript: string) => string> = {
    'wrong secret': (transcript) => proofOf(nodeMac, keysOf(nodeMac, 'the wrong secret'), transcript),
    'replayed from another link': () => captured,
    "reflected: the coordinator's own proof": (transcript) => serverProofOf(nodeMac, KEYS, transcript),
    'the stored key, as a thief of the store has it': (transcript) => proofOf(nodeMac, { ...KEYS, clientKey: KEYS.storedKey }, transcript),
    'another hello': (transcript) => proofOf(nodeMac, KEYS, transcript.replace('"w"', '"x"')),
    zeros: () => '0'.repeat(64),
  };
  const told = new Set<string>();
  for (const [name, proofFor] of Object.entries(attempts)) {
    const one = gate();
    const transcript = transcriptOf(JSON.stringify(greeting), challengeOf(say(one, greeting)));
    const effects = say(one, { f: 'proof', proof: proofFor(transcript) });
    expect(codeOf(effects), name).toEqual([4401]);
    told.add(JSON.stringify(effects));
  }
  const stranger = gate();
  const unknown = { ...greeting, key: 'nobody' };
  const transcript = transcriptOf(JSON.stringify(unknown), challengeOf(say(stranger, unknown)));
  const effects = say(stranger, { f: 'proof', proof: proofOf(nodeMac, KEYS, transcript) });
  told.add(JSON.stringify(effects).replace('nobody', 'k'));
  expect(told.size).toBe(1);
});

test('I15 gate: another frame first 4401; a second hello 4400; no key, version 0 or 1, a strange requirement 4426; too large 4413; silence 4408', () => {
  expect(codeOf(say(gate(), workerBeat(1)))).toEqual([4401]);
  expect(codeOf(say(gate(), { f: 'proof', proof: NONCE }))).toEqual([4401]);
  const twice = gate();
  say(twice, greeting);
  expect(codeOf(say(twice, greeting))).toEqual([4400]);
  expect(codeOf(say(gate(), hello()))).toEqual([4426]);
  for (const protocol of [[0], [1], [99]]) expect(codeOf(say(gate(), { ...greeting, protocol })), String(protocol)).toEqual([4426]);
  expect(codeOf(say(gate(), { ...greeting, requires: ['telepathy'] }))).toEqual([4426]);
  const { registration } = greeting;
  const fat = { ...greeting, registration: { ...registration, labels: { fat: 'x'.repeat(70_000) } } };
  expect(codeOf(say(gate(), fat))).toEqual([4413]);
  for (const one of [gate(), twice]) expect(one.deadline() ?? monoMs(5000)).toBe(5000);
  expect(codeOf(gate().tick(monoMs(5000)))).toEqual([4408]);
});

test('I15 gate: offers -> the first that both know; nobody asked for -> nothing chosen', () => {
  expect(challengeOf(say(gate({ compress: ['deflate', 'zstd'] }), { ...greeting, compress: ['brotli', 'zstd', 'deflate'] })).compress).toBe(
    'zstd',
  );
  expect(challengeOf(say(gate(), { ...greeting, compress: ['zstd'] })).compress).toBeUndefined();
  expect(challengeOf(say(gate({ exposed: true }), greeting)).sealed).toBe(true);
  expect(challengeOf(say(gate(), { ...greeting, requires: ['sealed'] })).sealed).toBe(true);
});

test('I16 seal: a frame changed, cut, doubled, swapped, sent back, or of another link -> not opened', () => {
  const { up, down } = sealKeysOf(nodeMac, KEYS.clientKey, 'one link');
  const ends = () => ({ worker: createSeal(nodeMac, up, down), coordinator: createSeal(nodeMac, down, up) });
  const good = ends();
  for (const text of ['{"f":"beat"}', '', 'ü'.repeat(100)]) expect(good.coordinator.open(good.worker.close(text))).toBe(text);
  const first = (change: (sealed: string) => string): unknown => {
    const { worker, coordinator } = ends();
    return coordinator.open(change(worker.close('{"f":"beat","n":1}')));
  };
  expect(first((sealed) => sealed)).toBe('{"f":"beat","n":1}');
  for (let index = 0; index < 40; index += 1)
    expect(
      first((sealed) => `${sealed.slice(0, index)}7${sealed.slice(index + 1)}`.replace(sealed, `${sealed}!`)),
      String(index),
    ).toBeUndefined();
  expect(first((sealed) => sealed.slice(0, -1))).toBeUndefined();
  expect(first(() => 'short')).toBeUndefined();
  const { worker, coordinator } = ends();
  const [one, two] = [worker.close('one'), worker.close('two')];
  expect(ends().coordinator.open(two)).toBeUndefined();
  expect(coordinator.open(one)).toBe('one');
  expect(coordinator.open(one)).toBeUndefined();
  expect(ends().worker.open(ends().worker.close('sent back'))).toBeUndefined();
  const elsewhere = sealKeysOf(nodeMac, KEYS.clientKey, 'another link');
  expect(createSeal(nodeMac, elsewhere.down, elsewhere.up).open(ends().worker.close('one'))).toBeUndefined();
});
