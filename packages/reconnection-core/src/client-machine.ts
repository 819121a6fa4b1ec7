/**
 * The worker's end as a machine. SPEC.md holds its invariants (I1 to I14), `table.ts` its transitions.
 */
import { after, type DurationMs, durationMs, elapsed, type MonoMs } from '@holdfast/kernel';
import {
  type Challenge,
  CLOSE,
  type CoordinatorFrame,
  encodeFrame,
  type Hello,
  hexOf,
  keysOf,
  PROTOCOL_VERSIONS,
  proofOf,
  reactionTo,
  type Registration,
  sealKeysOf,
  serverProofOf,
  transcriptOf,
  type Welcome,
} from '@holdfast/protocol';
import { BACKOFF, backoffDelay } from './backoff.ts';
import { codeOf, createChannel, earliest, type Taken } from './channel.ts';
import type { ClientEffect, ClientInput, ClientOptions, ClientPorts, ClientSession, ClientSnapshot } from './client-session.ts';
import { createHeartbeat } from './heartbeat.ts';
import { SESSION_LIMITS } from './limits.ts';
import { told } from './told.ts';

type State =
  | { readonly kind: 'idle' | 'failed' | 'ended' }
  | { readonly kind: 'dialing'; readonly link: number; readonly deadline: MonoMs }
  /** `helloText` as it was sent: the proof covers it. */
  | { readonly kind: 'greeting'; readonly link: number; readonly deadline: MonoMs; readonly helloText: string; readonly exposed: boolean }
  /** `serverProof`: what the welcome must prove. */
  | {
      readonly kind: 'proving';
      readonly link: number;
      readonly deadline: MonoMs;
      readonly protocol: number;
      readonly compress: string | undefined;
      readonly serverProof: string;
    }
  | { readonly kind: 'open'; readonly link: number; readonly since: MonoMs }
  | { readonly kind: 'draining'; readonly link: number; readonly deadline: MonoMs; readonly reason: string }
  | { readonly kind: 'waiting'; readonly retryAt: MonoMs };

type Effects = readonly ClientEffect[];

/** Creates a session that waits for `started`. */
export function createClientSession(options: ClientOptions, ports: ClientPorts): ClientSession {
  const { random, entropy, mac } = ports;
  const backoff = { ...BACKOFF, ...options.backoff };
  const attemptsMax = options.attemptsMax ?? 0;
  const protocol = options.protocol ?? PROTOCOL_VERSIONS;
  const channel = createChannel({ ...SESSION_LIMITS, ...options.limits }, false, ports.packer);
  let pressure: ClientSnapshot['pressure'] = 'normal';
  const heartbeat = createHeartbeat(options.creditEvery ?? durationMs(250));
  let state: State = { kind: 'idle' };
  let session: { readonly id: string; readonly token: string } | undefined;
  let registration: Registration = options.registration;
  let keyName = options.credential.key;
  let keys = keysOf(mac, options.credential.secret);
  let lastLink = 0;
  let attempts = 0;
  let resumes = 0;
  let freshes = 0;
  let retryAfter: DurationMs | undefined;

  const forgetSession = (): void => {
    session = undefined;
    channel.clear();
  };
  const currentLink = (): number | undefined => ('link' in state ? state.link : undefined);

  const dial = (now: MonoMs): ClientEffect => {
    lastLink += 1;
    attempts += 1;
    state = { kind: 'dialing', link: lastLink, deadline: after(now, options.dialWithin ?? durationMs(10_000)) };
    return { kind: 'dial', link: lastLink };
  };
  const giveUp = (code: number, reason: string): Effects => {
    state = { kind: 'failed' };
    forgetSession();
    return [{ kind: 'failed', code, reason }];
  };
  /** After a link or a dial is gone: wait, or give up. */
  const retry = (reason: string, now: MonoMs): Effects => {
    if (attemptsMax > 0 && attempts >= attemptsMax) return giveUp(0, `${attempts} attempts, the last: ${reason}`);
    // A result that waits is a lease to the coordinator: nobody else may finish that task meanwhile.
    const leased = heartbeat.held().count > 0 || !channel.idle();
    const retryIn = retryAfter ?? backoffDelay(attempts, backoff, leased, random);
    retryAfter = undefined;
    state = { kind: 'waiting', retryAt: after(now, retryIn) };
    return [{ kind: 'down', reason, retryIn }];
  };
  const lose = (code: number, reason: string, now: MonoMs): Effects => {
    channel.unlink();
    heartbeat.stop();
    if (state.kind === 'draining') {
      state = { kind: 'ended' };
      forgetSession();
      return [{ kind: 'ended' }];
    }
    // A close code was somebody's decision and says nothing of the network.
    if (state.kind === 'open' && code === BROKEN) heartbeat.broke();
    const reaction = reactionTo(code);
    if (reaction === 'stop') return giveUp(code, reason);
    if (reaction === 'register') forgetSession();
    return retry(reason, now);
  };
  const close = (code: number, reason: string, now: MonoMs, lostAs = code): Effects => {
    const link = currentLink()!;
    return [{ kind: 'closeLink', link, code, reason }, ...lose(lostAs, reason, now)];
  };
  const violated = (reason: string, now: MonoMs): Effects => close(CLOSE.badMessage.code, reason, now);

  const greet = (link: number, exposed: boolean, now: MonoMs): Effects => {
    const resume = session && { session: session.id, token: session.token, received: channel.counts().received };
    const hello: Hello = {
      f: 'hello',
      protocol: [...protocol],
      worker: options.worker,
      incarnation: options.incarnation,
      registration,
      resume,
      key: keyName,
      nonce: hexOf(entropy.bytes(32)),
      ...(ports.packer ? { compress: [...ports.packer.methods] } : {}),
      ...(exposed ? { requires: ['sealed'] } : {}),
    };
    const helloText = encodeFrame(hello);
    state = { kind: 'greeting', link, deadline: after(now, options.welcomeWithin ?? durationMs(5000)), helloText, exposed };
    return [{ kind: 'transmit', link, text: helloText }];
  };

  const challenged = (from: Extract<State, { kind: 'greeting' }>, challenge: Challenge, now: MonoMs): Effects => {
    const { link, deadline } = from;
    if (!protocol.includes(challenge.protocol)) return close(CLOSE.version.code, `protocol ${challenge.protocol} was not offered`, now);
    if (from.exposed && challenge.sealed !== true) return close(CLOSE.version.code, 'sealed frames were required and refused', now);
    const transcript = transcriptOf(from.helloText, challenge);
    const { compress } = challenge;
    if (compress !== undefined && !ports.packer?.methods.includes(compress))
      return close(CLOSE.version.code, `${compress} was not offered`, now);
    const serverProof = serverProofOf(mac, keys, transcript);
    state = { kind: 'proving', link, deadline, protocol: challenge.protocol, compress, serverProof };
    const effects: ClientEffect[] = [{ kind: 'transmit', link, text: encodeFrame({ f: 'proof', proof: proofOf(mac, keys, transcript) }) }];
    if (challenge.sealed !== true) return effects;
    const { up, down } = sealKeysOf(mac, keys.clientKey, transcript);
    return [...effects, { kind: 'sealLink', link, send: up, receive: down }];
  };

  const welcomed = (from: Extract<State, { kind: 'proving' }>, welcome: Welcome, now: MonoMs): Effects => {
    const { link } = from;
    // Whoever cannot prove that it keeps our keys is not our coordinator; ours may be behind the next link.
    if (!mac.equal(welcome.proof ?? '', from.serverProof))
      return close(CLOSE.unauthenticated.code, 'the coordinator did not prove itself', now, CLOSE.tryLater.code);
    if (welcome.protocol !== from.protocol) return violated(`protocol ${welcome.protocol} after ${from.protocol}`, now);
    const { resumed } = welcome;
    if (resumed) {
      if (session?.id !== welcome.session) return violated('resumed a session that was not asked for', now);
      if (!channel.link(resumed.received, now)) return violated(`resumed after message ${resumed.received}, which cannot be`, now);
      resumes += 1;
    } else {
      forgetSession();
      channel.link(0, now);
      freshes += 1;
    }
    session = { id: welcome.session, token: welcome.token };
    channel.packWith(from.compress);
    retryAfter = undefined;
    state = { kind: 'open', link, since: now };
    const every = durationMs(welcome.heartbeatEveryMs);
    heartbeat.start({ every, floor: durationMs(welcome.heartbeatFloorMs ?? every) }, now);
    if (resumed) return [{ kind: 'opened', how: 'resumed', welcome }];
    return [{ kind: 'opened', how: 'fresh', reason: welcome.gap?.reason ?? welcome.fresh ?? 'first', welcome }];
  };

  const taken = (result: Pick<Taken, 'settled' | 'problem'> & Partial<Taken>, now: MonoMs): Effects => {
    const effects: ClientEffect[] = [];
    for (const message of result.delivered ?? []) effects.push({ kind: 'deliver', payload: message.payload });
    for (const key of result.settled) effects.push({ kind: 'settled', key });
    if (result.problem !== undefined) effects.push(...close(codeOf(result.problem), result.problem, now));
    else effects.push(...finishDrain());
    return effects;
  };
  const finishDrain = (timeUp = false): Effects => {
    if (state.kind !== 'draining' || (!channel.idle() && !timeUp)) return [];
    const { link, reason } = state;
    state = { kind: 'ended' };
    forgetSession();
    return [
      { kind: 'transmit', link, text: encodeFrame({ f: 'goaway', reason: reason.slice(0, 512) }) },
      { kind: 'closeLink', link, code: CLOSE.normal.code, reason },
      { kind: 'ended' },
    ];
  };

  const frameReceived = (link: number, frame: CoordinatorFrame, now: MonoMs): Effects => {
    if (state.kind === 'dialing') return [];
    if (frame.f === 'goaway') {
      if (state.kind !== 'draining' && frame.retryAfterMs !== undefined)
        retryAfter = durationMs(Math.min(frame.retryAfterMs, RETRY_AFTER_MS_MAX));
      return [];
    }
    if (state.kind === 'greeting')
      return frame.f === 'challenge' ? challenged(state, frame, now) : violated(`${frame.f} before challenge`, now);
    if (state.kind === 'proving') return frame.f === 'welcome' ? welcomed(state, frame, now) : violated(`${frame.f} before welcome`, now);
    if (frame.f === 'reregister') return close(CLOSE.sessionGone.code, frame.reason, now);
    if (frame.f === 'welcome' || frame.f === 'challenge') return violated(`a second ${frame.f}`, now);
    // Evidence, not time alone: a link that opens and then says nothing proves nothing (I8).
    if (state.kind === 'open' && now - state.since >= (options.provenAfter ?? 5000)) attempts = 0;
    if (frame.f === 'data') return taken(channel.take(frame, now), now);
    const settled = taken(channel.settle(frame.a, now), now);
    if (state.kind !== 'open') return settled;
    const sentAt = heartbeat.answered(frame.n, now);
    return sentAt === undefined
      ? settled
      : [...settled, { kind: 'renewed', sentAt, matched: frame.renewed, roundTrip: elapsed(sentAt, now) }];
  };

  const offer = (input: Extract<ClientInput, { kind: 'offered' }>, now: MonoMs): Effects => {
    if (!session || state.kind === 'ended') return [];
    const before = channel.dropped();
    channel.offer(input.lane, input.payload, input, now);
    const dropped = channel.dropped();
    return dropped > before ? [{ kind: 'dropped', messages: dropped }] : [];
  };

  const reconnect = (now: MonoMs): Effects => {
    if (state.kind !== 'open' && state.kind !== 'waiting' && state.kind !== 'failed') return [];
    attempts = 0;
    retryAfter = undefined;
    if (state.kind !== 'open') return [dial(now)];
    const { link } = state;
    const reason = 'asked to reconnect';
    channel.unlink();
    heartbeat.stop();
    return [{ kind: 'closeLink', link, code: CLOSE.normal.code, reason }, { kind: 'down', reason, retryIn: durationMs(0) }, dial(now)];
  };

  const shutDown = (reason: string, now: MonoMs): Effects => {
    if (state.kind === 'ended' || state.kind === 'draining') return [];
    if (state.kind === 'open') {
      state = { kind: 'draining', link: state.link, deadline: after(now, options.drainWithin ?? durationMs(5000)), reason };
      heartbeat.stop();
      return finishDrain();
    }
    const link = currentLink();
    state = { kind: 'ended' };
    forgetSession();
    const ended: ClientEffect = { kind: 'ended' };
    return link === undefined ? [ended] : [{ kind: 'closeLink', link, code: CLOSE.normal.code, reason }, ended];
  };

  const stalled = (by: DurationMs): void => {
    if (state.kind === 'dialing' || state.kind === 'greeting' || state.kind === 'proving' || state.kind === 'draining')
      state = { ...state, deadline: after(state.deadline, by) };
    heartbeat.shift(by);
  };

  const handle = (input: ClientInput, now: MonoMs): Effects => {
    // A link that is not the current one has no say any more, whatever it reports (I5, D24).
    if ('link' in input && input.link !== currentLink()) return [];
    switch (input.kind) {
      case 'started':
        return state.kind === 'idle' ? [dial(now)] : [];
      case 'linkOpened':
        return state.kind === 'dialing' ? greet(input.link, input.exposed === true, now) : [];
      case 'dialFailed':
        if (state.kind !== 'dialing') return [];
        return input.terminal ? giveUp(input.code ?? CLOSE.unauthenticated.code, input.reason) : retry(input.reason, now);
      case 'linkClosed':
        return lose(input.code, input.reason, now);
      case 'frameReceived':
        return frameReceived(input.link, input.frame, now);
      case 'rubbishReceived':
        return state.kind === 'dialing' ? [] : violated(input.reason, now);
      case 'offered':
        return offer(input, now);
      case 'heldChanged':
        if (state.kind !== 'ended' && state.kind !== 'draining') heartbeat.change(input.held, input.credits, now);
        return [];
      case 'registrationChanged':
        if (state.kind !== 'ended' && state.kind !== 'draining') registration = input.registration;
        return [];
      case 'credentialChanged':
        if (state.kind === 'ended' || state.kind === 'draining') return [];
        keyName = input.credential.key;
        keys = keysOf(mac, input.credential.secret);
        return [];
      case 'reconnectAsked':
        return reconnect(now);
      case 'shutdownAsked':
        return shutDown(input.reason, now);
      case 'stalled':
        stalled(input.by);
        return [];
    }
  };

  const transmits = (link: number, now: MonoMs): ClientEffect[] => channel.frames(now).map((text) => ({ kind: 'transmit', link, text }));

  const tick = (now: MonoMs): Effects => {
    switch (state.kind) {
      case 'dialing':
        return now < state.deadline ? [] : close(CLOSE.normal.code, 'dialling took too long', now, CLOSE.authTimeout.code);
      case 'greeting':
      case 'proving':
        return now < state.deadline ? [] : close(CLOSE.authTimeout.code, 'no welcome in time', now);
      case 'waiting':
        return now < state.retryAt ? [] : [dial(now)];
      case 'draining': {
        const effects = transmits(state.link, now);
        return [...effects, ...finishDrain(now >= state.deadline)];
      }
      case 'open': {
        if (heartbeat.silent(now)) return close(CLOSE.restart.code, 'heartbeats were not answered', now, BROKEN);
        const effects = transmits(state.link, now);
        // After the data: what the beat says is held includes what these messages report.
        const beat = heartbeat.beat(now);
        if (beat) effects.push({ kind: 'transmit', link: state.link, text: encodeFrame({ ...beat, a: channel.takeAcks() }) });
        return effects;
      }
      default:
        return [];
    }
  };

  const deadline = (): MonoMs | undefined => {
    switch (state.kind) {
      case 'dialing':
      case 'greeting':
      case 'proving':
        return state.deadline;
      case 'waiting':
        return state.retryAt;
      case 'draining':
        return earliest(state.deadline, channel.deadline());
      case 'open':
        return earliest(heartbeat.deadline(), channel.deadline());
      default:
        return undefined;
    }
  };

  const snapshot = (): ClientSnapshot => {
    const counts = channel.counts();
    return {
      state: PUBLIC_STATES[state.kind],
      phase: state.kind,
      link: currentLink(),
      session: session?.id,
      attempts,
      unreceived: counts.queued + counts.inFlight,
      uncommitted: counts.queued + counts.uncommitted,
      queuedBytes: counts.queuedBytes,
      inFlight: counts.inFlight,
      dropped: counts.dropped,
      expired: counts.expired,
      pressure,
      roundTrips: heartbeat.roundTrips(),
      heartbeatEvery: heartbeat.interval(),
      resumes,
      freshes,
    };
  };

  /** Adds what the queue itself has to tell. */
  const withNews = (effects: Effects): Effects => {
    const gone = channel.expired();
    const level = channel.pressed() ? 'high' : 'normal';
    if (gone.length === 0 && level === pressure) return effects;
    const news: ClientEffect[] = gone.map(({ key, delivered }) => ({ kind: 'expired', key, delivered }));
    if (level !== pressure) news.push({ kind: 'pressure', level });
    pressure = level;
    return [...effects, ...news];
  };

  return told(
    { handle: (input, now) => withNews(handle(input, now)), tick: (now) => withNews(tick(now)), deadline, snapshot },
    () => state.kind,
  );
}

const PUBLIC_STATES: Readonly<Record<State['kind'], ClientSnapshot['state']>> = {
  idle: 'idle',
  dialing: 'connecting',
  greeting: 'connecting',
  proving: 'connecting',
  open: 'connected',
  draining: 'shutdown',
  waiting: 'disconnected',
  failed: 'failed',
  ended: 'shutdown',
};
/** The close code of a link that nobody closed. */
const BROKEN = 1006;
/** A slot further away than this is taken for a mistake. */
const RETRY_AFTER_MS_MAX = 3_600_000;
