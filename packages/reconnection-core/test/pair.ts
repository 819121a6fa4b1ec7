/**
 * Both machines, driven by the real driver in virtual time over a network that cuts, delays, duplicates and tells late.
 * The applications on both ends keep what a session must not keep, as workers and coordinators do.
 */
import { createRandom, drive, type Driver, durationMs, type Mac, type Random } from '@holdfast/kernel';
import { nodeMac } from '@holdfast/kernel/node';
import {
  type CoordinatorFrame,
  coordinatorFrame,
  createSeal,
  decodeFrame,
  keysOf,
  type Seal,
  type WorkerFrame,
  workerFrame,
} from '@holdfast/protocol';
import { createVirtualClock, seededEntropy, type VirtualClock } from '@holdfast/testkit';
import {
  type ClientEffect,
  type ClientInput,
  type ClientOptions,
  type ClientSession,
  createClientSession,
  createGate,
  createServerSession,
  type Gate,
  type GateEffect,
  type Lane,
  type ServerEffect,
  type ServerInput,
  type ServerOptions,
  type ServerSession,
} from '../src/index.ts';

export interface Weather {
  /** Mean milliseconds that a link lives; Infinity: it is never cut. */
  linkLife: number;
  /** Most milliseconds of one way. */
  delayMax: number;
  /** Chance that a data frame arrives twice. */
  duplicate: number;
  /** Chance that a frame is lost while its link lives on. */
  lose: number;
  /** Chance that a frame is changed on its way. Only for exposed links: elsewhere TLS or the kernel see to that. */
  corrupt: number;
  /** Chance that one way of a link goes silent for good at some moment. */
  oneWay: number;
  /** Chance that bytes are lost at the end of a frame, with the link. */
  truncate: number;
  /** Chance that a dial fails. */
  refuse: number;
  /** Chance that a cut is noticed by neither end: only heartbeats find it. */
  halfOpen: number;
  /** Most milliseconds until a delivered message is durable. */
  commitDelayMax: number;
}

export const FAIR: Weather = {
  linkLife: Infinity,
  delayMax: 2,
  duplicate: 0,
  lose: 0,
  corrupt: 0,
  oneWay: 0,
  truncate: 0,
  refuse: 0,
  halfOpen: 0,
  commitDelayMax: 5,
};

interface Wire {
  open: boolean;
  readonly arriveAt: { up: number; down: number };
  readonly silent: { up: boolean; down: boolean };
  /** Seals of either end, once that link is sealed. */
  readonly seals: { up?: Seal; down?: Seal };
  gate: Gate | undefined;
}

/** How the pair of a test is set up. */
export interface PairOptions {
  /** Links are exposed: all frames are sealed. */
  readonly exposed?: boolean;
  /** The digests of both ends. Default: real ones. */
  readonly mac?: Mac;
}

export interface Pair {
  readonly clock: VirtualClock;
  readonly client: ClientSession;
  readonly server: ServerSession;
  readonly weather: Weather;
  /** Every effect of either end, in order. */
  readonly clientLog: ClientEffect[];
  readonly serverLog: ServerEffect[];
  /** Texts on the wire, in order of sending. */
  readonly sent: { readonly from: 'client' | 'server'; readonly link: number; readonly text: string }[];
  /** Keys whose message is durable at the server. */
  readonly durable: Set<string>;
  /** Keys offered by the client application and not settled. */
  readonly unsettled: Map<string, { readonly lane: Lane; readonly id: number }>;
  /** Ids the client saw in its present session, by lane. */
  readonly seen: Map<string, number[]>;
  clientOffer(lane: Lane): string;
  serverOffer(lane: Lane): number;
  toClient(input: ClientInput): void;
  toServer(input: ServerInput): void;
  /** Cuts the current wire; each end learns of it after its own delay. */
  cut(): void;
  /** Drops the server session, as a restarted coordinator would. */
  restartServer(): void;
  readonly crashes: unknown[];
}

export function createPair(
  seed: string | number,
  weather: Weather,
  client: Partial<ClientOptions> = {},
  server: Partial<ServerOptions> = {},
  { exposed = false, mac = nodeMac }: PairOptions = {},
): Pair {
  const random = createRandom(seed);
  const world = random.fork('world');
  const clock = createVirtualClock();
  const wires = new Map<number, Wire>();
  const crashes: unknown[] = [];
  const state = { lastId: 0, secret: 0, lastSeq: 0, serverUnseen: new Map<number, Lane>() };
  const makeServer = (): ServerSession => createServerSession({ coordinator: { id: 'c', epoch: 1 }, ...server });

  const pair = {
    clock,
    weather,
    client: createClientSession(
      { worker: 'w', incarnation: 'i1', registration: { name: 'w', slots: 4, labels: {}, pid: 1 }, credential: CREDENTIAL, ...client },
      { random: random.fork('client'), entropy: seededEntropy(random.fork('client nonces')), mac },
    ),
    server: makeServer(),
    clientLog: [] as ClientEffect[],
    serverLog: [] as ServerEffect[],
    sent: [] as Pair['sent'],
    durable: new Set<string>(),
    unsettled: new Map<string, { lane: Lane; id: number }>(),
    seen: new Map<string, number[]>(),
    crashes,
  };
  const later = (by: number, run: () => void): void => void clock.set(durationMs(by), run);
  const delay = (): number => world.below(pair.weather.delayMax + 1);
  const crashed = (error: unknown): void => void crashes.push(error);

  const entropy = seededEntropy(random.fork('server nonces'));
  const serverKeys = keysOf(mac, CREDENTIAL.secret);

  const send = (link: number, way: 'up' | 'down', text: string): void => {
    const wire = wires.get(link);
    pair.sent.push({ from: way === 'up' ? 'client' : 'server', link, text });
    if (!wire?.open) return;
    const seal = wire.seals[way];
    const sealed = seal ? seal.close(text) : text;
    if (wire.silent[way] || world.chance(pair.weather.lose)) return;
    const { weather } = pair;
    if (world.chance(weather.truncate)) return breakWire(link, 1006, false);
    const sent = seal && world.chance(weather.corrupt) ? changed(sealed, world) : sealed;
    const at = Math.max(wire.arriveAt[way], clock.mono() + delay());
    wire.arriveAt[way] = at;
    const copies = text.startsWith('{"f":"data"') && world.chance(weather.duplicate) ? 2 : 1;
    later(at - clock.mono(), () => {
      // A frame that was under way when the link was cut may still arrive, also after the next link opened.
      if (!wire.open && world.chance(0.5)) return;
      for (let copy = 0; copy < copies; copy += 1) arrive(link, wire, way, sent);
    });
  };
  const arrive = (link: number, wire: Wire, way: 'up' | 'down', sent: string): void => {
    const seal = wire.seals[way === 'up' ? 'down' : 'up'];
    const text = seal ? seal.open(sent) : sent;
    if (text === undefined) return breakWire(link, 1002, false);
    if (way === 'up') arriveUp(link, wire, text);
    else arriveDown(link, text);
  };
  const arriveUp = (link: number, wire: Wire, text: string): void => {
    const frame = decodeFrame<WorkerFrame>(text, workerFrame);
    if (!frame.ok) throw new Error(`client sent rubbish: ${frame.problem}`);
    if (!wire.gate) return serverDriver.offer({ kind: 'frameReceived', link, frame: frame.value });
    // A door that is shut opens to nobody any more.
    if (wire.open) guard(link, wire, wire.gate.handle({ kind: 'frameReceived', frame: frame.value, text }, clock.mono()));
  };
  const guard = (link: number, wire: Wire, effects: readonly GateEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind === 'transmit') send(link, 'down', effect.text);
      else if (effect.kind === 'sealLink') wire.seals.down = createSeal(mac, effect.send, effect.receive);
      else if (effect.kind === 'refused') closeWire(link, effect.code);
      else {
        wire.gate = undefined;
        state.secret += 1;
        const { hello, proof } = effect;
        serverDriver.offer({ kind: 'helloAccepted', link, hello, session: `s${state.secret}`, token: `t${state.secret}`, proof });
      }
    }
  };
  const arriveDown = (link: number, text: string): void => {
    const frame = decodeFrame<CoordinatorFrame>(text, coordinatorFrame);
    if (!frame.ok) throw new Error(`server sent rubbish: ${frame.problem}`);
    clientDriver.offer({ kind: 'frameReceived', link, frame: frame.value });
  };
  const breakWire = (link: number, code: number, quiet: boolean): void => {
    const wire = wires.get(link);
    if (!wire?.open) return;
    wire.open = false;
    if (quiet) return;
    later(delay() * 3, () => clientDriver.offer({ kind: 'linkClosed', link, code, reason: 'cut' }));
    later(delay() * 3, () => serverDriver.offer({ kind: 'linkClosed', link, reason: 'cut' }));
  };
  const dial = (link: number): void => {
    later(delay(), () => {
      if (world.chance(pair.weather.refuse)) {
        clientDriver.offer({ kind: 'dialFailed', link, reason: 'refused', terminal: false });
        return;
      }
      const gate = createGate(
        { exposed },
        { mac, entropy, find: (key) => (key === CREDENTIAL.key ? serverKeys : undefined) },
        clock.mono(),
      );
      const wire: Wire = { open: true, arriveAt: { up: 0, down: 0 }, silent: { up: false, down: false }, seals: {}, gate };
      wires.set(link, wire);
      for (const by of [5000, 10_000]) later(by, () => wire.gate && guard(link, wire, wire.gate.tick(clock.mono())));
      clientDriver.offer({ kind: 'linkOpened', link, exposed });
      if (world.chance(pair.weather.oneWay)) later(world.below(1000), () => (wire.silent[world.pick(['up', 'down'] as const)] = true));
      if (pair.weather.linkLife !== Infinity)
        later(world.below(2 * pair.weather.linkLife), () => breakWire(link, 1006, world.chance(pair.weather.halfOpen)));
    });
  };
  const closeWire = (link: number, code: number): void => later(delay(), () => breakWire(link, code, false));

  const performClient = (effect: ClientEffect): void => {
    pair.clientLog.push(effect);
    if (effect.kind === 'dial') dial(effect.link);
    else if (effect.kind === 'transmit') send(effect.link, 'up', effect.text);
    else if (effect.kind === 'sealLink') wires.get(effect.link)!.seals.up = createSeal(mac, effect.send, effect.receive);
    else if (effect.kind === 'closeLink') closeWire(effect.link, effect.code);
    else if (effect.kind === 'settled') {
      if (!pair.durable.has(effect.key)) throw new Error(`settled ${effect.key} before it was durable`);
      pair.unsettled.delete(effect.key);
    } else if (effect.kind === 'opened' && effect.how === 'fresh') {
      pair.seen.clear();
      for (const [key, { lane, id }] of pair.unsettled)
        clientDriver.offer({ kind: 'offered', lane, payload: message('up', lane, id), key });
    } else if (effect.kind === 'deliver') {
      const { lane, id } = effect.payload as Message;
      const ids = pair.seen.get(lane) ?? [];
      if (ids.length > 0 && ids.at(-1)! >= id) throw new Error(`client: ${lane} ${id} after ${ids.at(-1)} in one session`);
      ids.push(id);
      pair.seen.set(lane, ids);
    }
  };
  const performServer = (effect: ServerEffect): void => {
    pair.serverLog.push(effect);
    if (effect.kind === 'transmit') send(effect.link, 'down', effect.text);
    else if (effect.kind === 'closeLink') closeWire(effect.link, effect.code);
    else if (effect.kind === 'beat') serverDriver.offer({ kind: 'beatAnswered', n: effect.n, renewed: true });
    else if (effect.kind === 'deliver') {
      if (effect.seq !== state.lastSeq + 1) throw new Error(`server: message ${effect.seq} after ${state.lastSeq}`);
      state.lastSeq = effect.seq;
      const { id } = effect.payload as Message;
      const { seq } = effect;
      const session = serverDriver;
      later(world.below(pair.weather.commitDelayMax + 1), () => {
        pair.durable.add(`k${id}`);
        session.offer({ kind: 'committed', seq });
      });
    }
  };
  const startServer = (): Driver<ServerInput> =>
    drive(pair.server, {
      clock,
      timers: clock,
      perform: performServer,
      crashed,
      stalled: (by): ClientInput & ServerInput => ({ kind: 'stalled', by }),
    });
  const clientDriver = drive(pair.client, {
    clock,
    timers: clock,
    perform: performClient,
    crashed,
    stalled: (by): ClientInput & ServerInput => ({ kind: 'stalled', by }),
  });
  let serverDriver = startServer();

  return Object.assign(pair, {
    clientOffer(lane: Lane) {
      state.lastId += 1;
      const key = `k${state.lastId}`;
      pair.unsettled.set(key, { lane, id: state.lastId });
      clientDriver.offer({ kind: 'offered', lane, payload: message('up', lane, state.lastId), key });
      return key;
    },
    serverOffer(lane: Lane) {
      state.lastId += 1;
      serverDriver.offer({ kind: 'offered', lane, payload: message('down', lane, state.lastId) });
      return state.lastId;
    },
    toClient: (input: ClientInput) => clientDriver.offer(input),
    toServer: (input: ServerInput) => serverDriver.offer(input),
    cut: () => breakWire(pair.client.snapshot().link ?? 0, 1006, false),
    restartServer() {
      serverDriver.stop();
      for (const link of wires.keys()) breakWire(link, 1006, false);
      pair.server = makeServer();
      state.lastSeq = 0;
      serverDriver = startServer();
    },
  });
}

/** Runs until the condition holds, or names it. */
export const until = (pair: Pair, what: string, done: () => boolean): void => {
  pair.clock.runUntil(what, () => {
    if (pair.crashes.length > 0) throw pair.crashes[0];
    return done();
  });
};

/** One character of a text, changed. */
function changed(text: string, world: Random): string {
  const at = world.below(text.length);
  return `${text.slice(0, at)}${text[at] === '7' ? '8' : '7'}${text.slice(at + 1)}`;
}

const CREDENTIAL = { key: 'key', secret: 'the secret of the pair' };

interface Message {
  readonly t: string;
  readonly lane: Lane;
  readonly id: number;
}
const message = (t: string, lane: Lane, id: number): Message => ({ t, lane, id });
