import { readFileSync } from 'node:fs';
import { createRandom, durationMs, type MonoMs, monoMs } from '@holdfast/kernel';
import type { WorkerFrame } from '@holdfast/protocol';
import { CONSTANT_DIGEST, constantMac, seededEntropy } from '@holdfast/testkit';
import { expect, test } from 'vitest';
import {
  CLIENT_TABLE,
  type ClientColumn,
  type ClientInput,
  type ClientSession,
  type ClientStateKind,
  createClientSession,
  createServerSession,
  createGate,
  diagram,
  GATE_TABLE,
  type Gate,
  type GateColumn,
  type GateInput,
  type GateStateKind,
  SERVER_TABLE,
  type ServerColumn,
  type ServerInput,
  type ServerSession,
  type ServerStateKind,
} from '../src/index.ts';
import { beatAck, challenge, credential, data, hello, ports, registration, welcome, workerBeat, workerData } from './frames.ts';

const keys = <Key extends string>(record: Readonly<Record<Key, unknown>>): Key[] => Object.keys(record) as Key[];

/** Several inputs for each column: the plain one first, then those that lead elsewhere. `link` is the current link. */
const clientInputs: Readonly<Record<Exclude<ClientColumn, 'tick'>, (link: number) => ClientInput[]>> = {
  started: () => [{ kind: 'started' }],
  linkOpened: (link) => [{ kind: 'linkOpened', link }],
  dialFailed: (link) => [
    { kind: 'dialFailed', link, reason: 'r', terminal: false },
    { kind: 'dialFailed', link, reason: 'r', terminal: true },
  ],
  linkClosed: (link) => [
    { kind: 'linkClosed', link, code: 1006, reason: 'r' },
    { kind: 'linkClosed', link, code: 4410, reason: 'r' },
    { kind: 'linkClosed', link, code: 4401, reason: 'r' },
  ],
  challenge: (link) => [
    { kind: 'frameReceived', link, frame: challenge() },
    { kind: 'frameReceived', link, frame: challenge({ protocol: 99 }) },
    { kind: 'frameReceived', link, frame: challenge({ sealed: true }) },
  ],
  welcome: (link) => [
    { kind: 'frameReceived', link, frame: welcome() },
    { kind: 'frameReceived', link, frame: welcome({ proof: 'b'.repeat(64) }) },
    { kind: 'frameReceived', link, frame: welcome({ fresh: undefined, resumed: { received: 0 } }) },
    { kind: 'frameReceived', link, frame: welcome({ fresh: undefined, resumed: { received: 77 } }) },
    { kind: 'frameReceived', link, frame: welcome({ protocol: 99 }) },
  ],
  beatAck: (link) => [
    { kind: 'frameReceived', link, frame: beatAck(1) },
    { kind: 'frameReceived', link, frame: beatAck(1, [99, 0]) },
    { kind: 'frameReceived', link, frame: beatAck(1, [1, 1]) },
  ],
  data: (link) => [
    { kind: 'frameReceived', link, frame: data([[1, { t: 'drain' }]]) },
    { kind: 'frameReceived', link, frame: data([[9, { t: 'drain' }]]) },
    { kind: 'frameReceived', link, frame: data([], [1, 1]) },
  ],
  reregister: (link) => [{ kind: 'frameReceived', link, frame: { f: 'reregister', reason: 'r' } }],
  goaway: (link) => [{ kind: 'frameReceived', link, frame: { f: 'goaway', reason: 'r', retryAfterMs: 5 } }],
  rubbishReceived: (link) => [{ kind: 'rubbishReceived', link, reason: 'r' }],
  offered: () => [{ kind: 'offered', lane: 'normal', payload: { t: 'x' }, key: 'k' }],
  heldChanged: () => [{ kind: 'heldChanged', held: { count: 1, hash: 2 }, credits: 3 }],
  registrationChanged: () => [{ kind: 'registrationChanged', registration }],
  credentialChanged: () => [{ kind: 'credentialChanged', credential: { key: 'k2', secret: 'other' } }],
  reconnectAsked: () => [{ kind: 'reconnectAsked' }],
  shutdownAsked: () => [{ kind: 'shutdownAsked', reason: 'r' }],
  stalled: () => [{ kind: 'stalled', by: durationMs(1000) }],
  lateLinkEvent: (link) => [
    { kind: 'linkOpened', link: link + 5 },
    { kind: 'dialFailed', link: link - 1, reason: 'r', terminal: true },
    { kind: 'linkClosed', link: link - 1, code: 4401, reason: 'r' },
    { kind: 'frameReceived', link: link - 1, frame: data([[1, { t: 'drain' }]]) },
    { kind: 'rubbishReceived', link: link - 1, reason: 'r' },
  ],
};

/** A machine brought into a state, twice the same. */
function clientIn(kind: ClientStateKind, attemptsMax: number): { machine: ClientSession; now: MonoMs } {
  const machine = createClientSession({ worker: 'w', incarnation: 'i', registration, credential, attemptsMax }, ports());
  const now = monoMs(1000);
  const give = (...inputs: ClientInput[]): void => {
    for (const input of inputs) machine.handle(input, now);
  };
  if (kind === 'idle') return { machine, now };
  give({ kind: 'started' });
  if (kind === 'dialing') return { machine, now };
  if (kind === 'failed') give({ kind: 'dialFailed', link: 1, reason: 'r', terminal: true });
  if (kind === 'ended') give({ kind: 'shutdownAsked', reason: 'r' });
  if (kind === 'failed' || kind === 'ended') return { machine, now };
  give({ kind: 'linkOpened', link: 1 });
  if (kind === 'greeting') return { machine, now };
  give({ kind: 'frameReceived', link: 1, frame: challenge() });
  if (kind === 'proving') return { machine, now };
  give({ kind: 'frameReceived', link: 1, frame: welcome() }, { kind: 'offered', lane: 'high', payload: { t: 'x' }, key: 'k0' });
  machine.tick(now);
  if (kind === 'draining') give({ kind: 'shutdownAsked', reason: 'r' });
  if (kind === 'waiting') give({ kind: 'reconnectAsked' }, { kind: 'dialFailed', link: 2, reason: 'r', terminal: false });
  if (kind === 'waiting' && machine.snapshot().phase === 'failed') return clientIn('waiting', 0);
  return { machine, now };
}

test('table: every state and input of the client -> only the states of its cell, all of them reached, ignored ones change nothing', () => {
  for (const state of keys(CLIENT_TABLE)) {
    for (const column of keys(CLIENT_TABLE[state])) {
      const cell = CLIENT_TABLE[state][column];
      const reached = new Set<ClientStateKind>();
      for (const attemptsMax of [0, 1]) {
        const probe = clientIn(state, attemptsMax);
        expect(probe.machine.snapshot().phase).toBe(state);
        const link = probe.machine.snapshot().link ?? 1;
        const acts =
          column === 'tick'
            ? [0, 3000, 7500, 40_000].map((by) => (one: ClientSession, now: MonoMs) => one.tick(monoMs(now + by)))
            : clientInputs[column](link).map((input) => (one: ClientSession, now: MonoMs) => one.handle(input, now));
        if (column === 'shutdownAsked' && state === 'open')
          acts.push((one, now) => {
            one.handle({ kind: 'frameReceived', link, frame: beatAck(1, [1, 1]) }, now);
            return one.handle({ kind: 'shutdownAsked', reason: 'r' }, now);
          });
        for (const act of acts) {
          const { machine, now } = clientIn(state, attemptsMax);
          const before = JSON.stringify([machine.snapshot(), machine.deadline()]);
          const effects = act(machine, now);
          const name = `client ${state} x ${column}`;
          expect(cell.next, name).toContain(machine.snapshot().phase);
          reached.add(machine.snapshot().phase);
          if (!cell.ignored) continue;
          expect(effects, name).toEqual([]);
          expect(JSON.stringify([machine.snapshot(), machine.deadline()]), name).toBe(before);
        }
      }
      expect([...reached].sort(), `client ${state} x ${column} reaches`).toEqual([...cell.next].sort());
    }
  }
});

const serverInputs: Readonly<Record<Exclude<ServerColumn, 'tick'>, (link: number) => ServerInput[]>> = {
  helloAccepted: (link) => [
    { kind: 'helloAccepted', link: link + 1, hello: hello(), session: 's2', token: 't2' },
    {
      kind: 'helloAccepted',
      link: link + 1,
      hello: hello({ resume: { session: 's1', token: 't1', received: 0 } }),
      session: 's2',
      token: 't2',
    },
    {
      kind: 'helloAccepted',
      link: link + 1,
      hello: hello({ resume: { session: 's1', token: 't1', received: 9 } }),
      session: 's2',
      token: 't2',
    },
    { kind: 'helloAccepted', link: link + 1, hello: hello({ protocol: [99] }), session: 's2', token: 't2' },
  ],
  hello: (link) => [
    { kind: 'frameReceived', link, frame: hello() },
    { kind: 'frameReceived', link, frame: { f: 'proof', proof: 'a'.repeat(64) } },
  ],
  beat: (link) => [
    { kind: 'frameReceived', link, frame: workerBeat(2) },
    { kind: 'frameReceived', link, frame: workerBeat(2, [99, 0]) },
  ],
  data: (link) => [
    { kind: 'frameReceived', link, frame: workerData([[1, { t: 'x' }]]) },
    { kind: 'frameReceived', link, frame: workerData([[9, { t: 'x' }]]) },
  ],
  goaway: (link) => [{ kind: 'frameReceived', link, frame: { f: 'goaway', reason: 'r' } }],
  rubbishReceived: (link) => [{ kind: 'rubbishReceived', link, reason: 'r' }],
  linkClosed: (link) => [{ kind: 'linkClosed', link, reason: 'r' }],
  offered: () => [{ kind: 'offered', lane: 'normal', payload: { t: 'x' } }],
  committed: () => [{ kind: 'committed', seq: 1 }],
  beatAnswered: () => [{ kind: 'beatAnswered', n: 1, renewed: true }],
  closeAsked: () => [{ kind: 'closeAsked', code: 1012, reason: 'r', retryAfterMs: 5 }],
  stalled: () => [{ kind: 'stalled', by: durationMs(1000) }],
  lateLinkEvent: (link) => [
    { kind: 'frameReceived', link: link - 1, frame: workerData([[1, { t: 'x' }]]) },
    { kind: 'frameReceived', link: link + 7, frame: hello() },
    { kind: 'rubbishReceived', link: link - 1, reason: 'r' },
    { kind: 'linkClosed', link: link - 1, reason: 'r' },
  ],
};

function serverIn(kind: ServerStateKind): { machine: ServerSession; now: MonoMs } {
  const machine = createServerSession({ coordinator: { id: 'c', epoch: 1 } });
  let now = monoMs(1000);
  if (kind === 'new') return { machine, now };
  if (kind === 'expired') {
    machine.handle({ kind: 'closeAsked', code: 1000, reason: 'r' }, now);
    return { machine, now };
  }
  machine.handle({ kind: 'helloAccepted', link: 1, hello: hello(), session: 's1', token: 't1' }, now);
  machine.handle({ kind: 'offered', lane: 'high', payload: { t: 'drain' } }, now);
  machine.tick(now);
  machine.handle({ kind: 'frameReceived', link: 1, frame: workerBeat(1) }, now);
  if (kind === 'suspect') {
    now = monoMs(now + 7500);
    machine.tick(now);
  }
  if (kind === 'unlinked') machine.handle({ kind: 'linkClosed', link: 1, reason: 'r' }, now);
  return { machine, now };
}

test('table: every state and input of the server -> only the states of its cell, all of them reached, ignored ones change nothing', () => {
  for (const state of keys(SERVER_TABLE)) {
    for (const column of keys(SERVER_TABLE[state])) {
      const cell = SERVER_TABLE[state][column];
      const reached = new Set<ServerStateKind>();
      expect(serverIn(state).machine.snapshot().state).toBe(state);
      const acts =
        column === 'tick'
          ? [0, 7500, 130_000].map((by) => (one: ServerSession, now: MonoMs) => one.tick(monoMs(now + by)))
          : serverInputs[column](1).map((input) => (one: ServerSession, now: MonoMs) => one.handle(input, now));
      for (const act of acts) {
        const { machine, now } = serverIn(state);
        const before = JSON.stringify([machine.snapshot(), machine.deadline()]);
        const effects = act(machine, now);
        const name = `server ${state} x ${column}`;
        expect(cell.next, name).toContain(machine.snapshot().state);
        reached.add(machine.snapshot().state);
        if (!cell.ignored) continue;
        expect(effects, name).toEqual([]);
        expect(JSON.stringify([machine.snapshot(), machine.deadline()]), name).toBe(before);
      }
      expect([...reached].sort(), `server ${state} x ${column} reaches`).toEqual([...cell.next].sort());
    }
  }
});

const gateInputs: Readonly<Record<Exclude<GateColumn, 'tick'>, () => GateInput[]>> = {
  hello: () => [gateFrame(hello({ key: 'k', nonce: 'c'.repeat(64) })), gateFrame(hello({ protocol: [1] }))],
  proof: () => [gateFrame({ f: 'proof', proof: '0'.repeat(64) }), gateFrame({ f: 'proof', proof: '1'.repeat(64) })],
  otherFrame: () => [gateFrame(workerBeat(1)), gateFrame(workerData([])), gateFrame({ f: 'goaway', reason: 'r' })],
  rubbishReceived: () => [{ kind: 'rubbishReceived', reason: 'r' }],
};
const gateFrame = (frame: WorkerFrame): GateInput => ({ kind: 'frameReceived', frame, text: JSON.stringify(frame) });

/** Under `constantMac` the client key is the digest, so that a proof of zeros is right. */
function gateIn(kind: GateStateKind) {
  const now = monoMs(1000);
  const mac = { ...constantMac, sha256: (hex: string) => hex };
  const keys = { storedKey: CONSTANT_DIGEST, serverKey: CONSTANT_DIGEST };
  const gate = createGate({}, { mac, entropy: seededEntropy(createRandom(1)), find: () => keys }, now);
  if (kind === 'fresh') return { gate, now };
  gate.handle(gateInputs.hello()[0]!, now);
  if (kind === 'passed') gate.handle(gateInputs.proof()[0]!, now);
  if (kind === 'closed') gate.handle(gateInputs.rubbishReceived()[0]!, now);
  return { gate, now };
}

test('table: every state and input of the gate -> only the states of its cell, all of them reached, ignored ones change nothing', () => {
  for (const state of keys(GATE_TABLE)) {
    for (const column of keys(GATE_TABLE[state])) {
      const cell = GATE_TABLE[state][column];
      const name = `gate ${state} x ${column}`;
      const reached = new Set<GateStateKind>();
      const acts =
        column === 'tick'
          ? [0, 5000].map((by) => (one: Gate, now: MonoMs) => one.tick(monoMs(now + by)))
          : gateInputs[column]().map((input) => (one: Gate, now: MonoMs) => one.handle(input, now));
      for (const act of acts) {
        const { gate, now } = gateIn(state);
        expect(gate.snapshot().state, name).toBe(state);
        const effects = act(gate, now);
        expect(cell.next, name).toContain(gate.snapshot().state);
        reached.add(gate.snapshot().state);
        if (cell.ignored) expect(effects, name).toEqual([]);
      }
      expect([...reached].sort(), `${name} reaches`).toEqual([...cell.next].sort());
    }
  }
});

test('table: the diagrams of SPEC.md -> are drawn from the tables', () => {
  const spec = readFileSync(new URL('../SPEC.md', import.meta.url), 'utf8');
  expect(spec).toContain(`\`\`\`mermaid\n${diagram(CLIENT_TABLE)}\`\`\``);
  expect(spec).toContain(`\`\`\`mermaid\n${diagram(SERVER_TABLE)}\`\`\``);
  expect(spec).toContain(`\`\`\`mermaid\n${diagram(GATE_TABLE)}\`\`\``);
});
