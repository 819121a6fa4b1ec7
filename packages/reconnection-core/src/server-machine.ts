/**
 * The coordinator's end as a machine. SPEC.md holds its invariants (I1 to I14), `table.ts` its transitions.
 */
import { after, type DurationMs, durationMs, type MonoMs } from '@holdfast/kernel';
import { CLOSE, encodeFrame, type Hello, PROTOCOL_VERSIONS, type Welcome, type WorkerFrame } from '@holdfast/protocol';
import { codeOf, createChannel, earliest } from './channel.ts';
import { SESSION_LIMITS } from './limits.ts';
import { chosenMethod, type Packer } from './packer.ts';
import type { EndedSession, ServerEffect, ServerInput, ServerOptions, ServerSession, ServerSnapshot } from './server-session.ts';
import { told } from './told.ts';

type State =
  | { readonly kind: 'new' | 'expired' }
  | { readonly kind: 'linked'; readonly link: number; readonly suspectAt: MonoMs }
  | { readonly kind: 'suspect'; readonly link: number; readonly closeAt: MonoMs }
  | { readonly kind: 'unlinked'; readonly expireAt: MonoMs };

interface Identity {
  readonly id: string;
  readonly incarnation: string;
  readonly token: string;
  /** Valid until the first frame under `token` (S6). */
  readonly formerToken: string | undefined;
}

type Effects = readonly ServerEffect[];
type Fresh = NonNullable<Welcome['fresh']>;

/** Creates the session of one worker; it waits for its first hello. `packer`: the one whose methods its gates offer. */
export function createServerSession(options: ServerOptions, packer?: Packer): ServerSession {
  const every = options.heartbeatEvery ?? durationMs(3000);
  const leaseTtl = options.leaseTtl ?? durationMs(10_000);
  const floor = durationMs(Math.min(every, options.heartbeatFloor ?? 1000));
  const suspectAfter = durationMs(every * 2.5);
  const closeAfter = durationMs(Math.max(leaseTtl - suspectAfter, every / 2));
  const channel = createChannel({ ...SESSION_LIMITS, ...options.limits }, true, packer);
  let pressure: ServerSnapshot['pressure'] = 'normal';
  let state: State = { kind: 'new' };
  let identity: Identity | undefined;
  let former = options.former;
  /** Added to wire numbers for the application: messages of all earlier sessions. */
  let seqBase = 0;
  let lastBeat: number | undefined;
  let resumes = 0;
  let freshes = 0;

  const forget = (): void => {
    seqBase += channel.counts().received;
    channel.clear();
    identity = undefined;
  };
  /** The session is over, and this much is still known of it. */
  const end = (): Effects => {
    state = { kind: 'expired' };
    if (!identity) return [{ kind: 'expired' }];
    former = { id: identity.id, incarnation: identity.incarnation, tokens: tokensOf(identity), sent: channel.counts().sent };
    forget();
    return [{ kind: 'expired', former }];
  };
  const currentLink = (): number | undefined => ('link' in state ? state.link : undefined);

  const lose = (reason: string, now: MonoMs): Effects => {
    channel.unlink();
    lastBeat = undefined;
    state = { kind: 'unlinked', expireAt: after(now, options.resumeWindow ?? durationMs(120_000)) };
    return [{ kind: 'down', reason }];
  };
  const close = (code: number, reason: string, now: MonoMs): Effects => {
    const link = currentLink()!;
    return [{ kind: 'closeLink', link, code, reason }, ...lose(reason, now)];
  };
  /** The peer breaks the protocol: nothing of this session can be relied on, and 4400 makes the peer begin anew. */
  const violated = (reason: string, now: MonoMs): Effects => {
    const effects = close(codeOf(reason), reason, now);
    forget();
    return effects;
  };

  /** Why the session of this hello cannot go on; undefined: it can. */
  const refusal = (hello: Hello): Fresh | undefined => {
    const { resume } = hello;
    if (!resume) return 'first';
    if (!identity) return former && speaksOf(former, hello) ? 'session_ended' : 'unknown_session';
    if (identity.incarnation !== hello.incarnation) return 'incarnation_changed';
    if (identity.id !== resume.session) return 'unknown_session';
    if (!tokensOf(identity).some((token) => sameSecret(token, resume.token))) return 'token_mismatch';
    return resume.received < channel.counts().peerReceived ? 'window_exceeded' : undefined;
  };

  const helloAccepted = (input: Extract<ServerInput, { kind: 'helloAccepted' }>, now: MonoMs): Effects => {
    const { link, hello } = input;
    const protocol = (options.protocol ?? PROTOCOL_VERSIONS).find((version) => hello.protocol.includes(version));
    if (protocol === undefined) return [{ kind: 'closeLink', link, code: CLOSE.version.code, reason: 'no common protocol version' }];
    const fresh = refusal(hello);
    // Whoever does not know the token has no say about a session that lives: it may begin another one without.
    if (fresh === 'token_mismatch') return [{ kind: 'closeLink', link, code: CLOSE.sessionGone.code, reason: CLOSE.sessionGone.name }];
    // What was never sent cannot have been received; the session that is spoken of stays as it is.
    const sent = fresh === 'session_ended' ? former!.sent : channel.counts().sent;
    if ((!fresh || fresh === 'session_ended') && hello.resume!.received > sent)
      return [{ kind: 'closeLink', link, code: CLOSE.badMessage.code, reason: `resume after message ${hello.resume!.received}` }];

    const effects: ServerEffect[] = [];
    const older = currentLink();
    if (older !== undefined && older !== link) {
      // The same process may have said this hello before the one it lives by: links overtake each other. Then it must call again, not stop.
      const { code } = identity?.incarnation === hello.incarnation ? CLOSE.tryLater : CLOSE.superseded;
      effects.push({ kind: 'closeLink', link: older, code, reason: 'a newer link of this worker' });
    }
    const lost = { from: (hello.resume?.received ?? 0) + 1, to: sent };
    former = undefined;
    if (fresh) {
      forget();
      freshes += 1;
    } else resumes += 1;
    const id = fresh ? input.session : identity!.id;
    identity = { id, incarnation: hello.incarnation, token: input.token, formerToken: fresh ? undefined : hello.resume!.token };
    channel.packWith(chosenMethod(hello.compress, packer?.methods));
    channel.link(fresh ? 0 : hello.resume!.received, now);
    lastBeat = undefined;
    state = { kind: 'linked', link, suspectAt: after(now, suspectAfter) };
    const answer = !fresh
      ? { resumed: { received: channel.counts().received } }
      : (fresh === 'window_exceeded' || fresh === 'session_ended') && lost.from <= lost.to
        ? { gap: { ...lost, reason: fresh } }
        : { fresh };
    const welcome: Welcome = {
      f: 'welcome',
      protocol,
      ...(input.proof === undefined ? {} : { proof: input.proof }),
      session: id,
      token: input.token,
      ...answer,
      heartbeatEveryMs: every,
      ...(floor < every ? { heartbeatFloorMs: floor } : {}),
      leaseTtlMs: leaseTtl,
      lostAfterMs: options.lostAfter ?? 120_000,
      coordinator: options.coordinator,
    };
    effects.push({ kind: 'transmit', link, text: encodeFrame(welcome) });
    effects.push(fresh ? { kind: 'opened', how: 'fresh', reason: fresh } : { kind: 'opened', how: 'resumed' });
    return effects;
  };

  const frameReceived = (link: number, frame: WorkerFrame, now: MonoMs): Effects => {
    const effects: ServerEffect[] = state.kind === 'suspect' ? [{ kind: 'alive' }] : [];
    state = { kind: 'linked', link, suspectAt: after(now, suspectAfter) };
    if (frame.f === 'hello' || frame.f === 'proof') return [...effects, ...violated(`a second ${frame.f}`, now)];
    if (identity?.formerToken !== undefined) identity = { ...identity, formerToken: undefined };
    if (frame.f === 'goaway') return effects;
    if (frame.f === 'beat') {
      const { problem } = channel.settle(frame.a, now);
      if (problem !== undefined) return [...effects, ...violated(problem, now)];
      lastBeat = frame.n;
      return [...effects, { kind: 'beat', n: frame.n, held: frame.held, credits: frame.credits }];
    }
    const taken = channel.take(frame, now);
    for (const message of taken.delivered) effects.push({ kind: 'deliver', seq: seqBase + message.seq, payload: message.payload });
    if (taken.problem !== undefined) effects.push(...violated(taken.problem, now));
    return effects;
  };

  const closeAsked = (input: Extract<ServerInput, { kind: 'closeAsked' }>, now: MonoMs): Effects => {
    if (state.kind === 'expired') return [];
    const link = currentLink();
    const effects: ServerEffect[] = [];
    if (link !== undefined) {
      effects.push(...transmits(link, now));
      const { code, reason, retryAfterMs } = input;
      effects.push({ kind: 'transmit', link, text: encodeFrame({ f: 'goaway', reason: reason.slice(0, 512), retryAfterMs }) });
      effects.push({ kind: 'closeLink', link, code, reason });
    }
    return [...effects, ...end()];
  };

  const beatAnswered = (n: number, renewed: boolean): Effects => {
    const link = currentLink();
    if (link === undefined || n !== lastBeat) return [];
    return [{ kind: 'transmit', link, text: encodeFrame({ f: 'beatAck', n, a: channel.takeAcks(), renewed }) }];
  };

  const stalled = (by: DurationMs): void => {
    if (state.kind === 'linked') state = { ...state, suspectAt: after(state.suspectAt, by) };
    else if (state.kind === 'suspect') state = { ...state, closeAt: after(state.closeAt, by) };
  };

  const handle = (input: ServerInput, now: MonoMs): Effects => {
    if (input.kind === 'helloAccepted') return helloAccepted(input, now);
    // It takes itself for registered: it must say hello again.
    if (input.kind === 'frameReceived' && input.frame.f === 'beat' && (state.kind === 'new' || state.kind === 'expired'))
      return reregister(input.link);
    // A link that is not the current one has no say any more, whatever it reports (I5, D24).
    if ('link' in input && input.link !== currentLink()) return [];
    switch (input.kind) {
      case 'frameReceived':
        return frameReceived(input.link, input.frame, now);
      case 'rubbishReceived':
        return violated(input.reason, now);
      case 'linkClosed':
        return lose(input.reason, now);
      case 'offered': {
        if (!identity) return [];
        channel.offer(input.lane, input.payload, { expiresIn: input.expiresIn, attemptsMax: input.attemptsMax }, now);
        return [];
      }
      case 'committed':
        channel.commit(input.seq - seqBase, now);
        return [];
      case 'beatAnswered':
        return beatAnswered(input.n, input.renewed);
      case 'closeAsked':
        return closeAsked(input, now);
      case 'stalled':
        stalled(input.by);
        return [];
    }
  };

  const transmits = (link: number, now: MonoMs): ServerEffect[] => channel.frames(now).map((text) => ({ kind: 'transmit', link, text }));

  const tick = (now: MonoMs): Effects => {
    switch (state.kind) {
      case 'linked': {
        const effects = transmits(state.link, now);
        if (now < state.suspectAt) return effects;
        state = { kind: 'suspect', link: state.link, closeAt: after(now, closeAfter) };
        return [...effects, { kind: 'suspect' }];
      }
      case 'suspect':
        return now < state.closeAt ? transmits(state.link, now) : close(CLOSE.tryLater.code, 'nothing was heard for a lease time', now);
      case 'unlinked':
        return now < state.expireAt ? [] : end();
      default:
        return [];
    }
  };

  const deadline = (): MonoMs | undefined => {
    switch (state.kind) {
      case 'linked':
        return earliest(state.suspectAt, channel.deadline());
      case 'suspect':
        return earliest(state.closeAt, channel.deadline());
      case 'unlinked':
        return state.expireAt;
      default:
        return undefined;
    }
  };

  const snapshot = (): ServerSnapshot => {
    const counts = channel.counts();
    return {
      state: state.kind,
      link: currentLink(),
      incarnation: identity?.incarnation,
      unreceived: counts.queued + counts.inFlight,
      uncommitted: counts.received - counts.committed,
      queuedBytes: counts.queuedBytes,
      inFlight: counts.inFlight,
      dropped: counts.dropped,
      expired: counts.expired,
      pressure,
      resumes,
      freshes,
    };
  };

  const withNews = (effects: Effects): Effects => {
    channel.expired();
    const level = channel.pressed() ? 'high' : 'normal';
    if (level === pressure) return effects;
    pressure = level;
    return [...effects, { kind: 'pressure', level }];
  };

  return told(
    { handle: (input, now) => withNews(handle(input, now)), tick: (now) => withNews(tick(now)), deadline, snapshot },
    () => state.kind,
  );
}

const reregister = (link: number): Effects => [
  { kind: 'transmit', link, text: encodeFrame({ f: 'reregister', reason: 'no session' }) },
  { kind: 'closeLink', link, code: CLOSE.sessionGone.code, reason: CLOSE.sessionGone.name },
];

const tokensOf = ({ token, formerToken }: Identity): readonly string[] => (formerToken === undefined ? [token] : [token, formerToken]);

/** Whether a hello asks to go on with a session that ended, and could have. */
const speaksOf = (former: EndedSession, { incarnation, resume }: Hello): boolean =>
  former.incarnation === incarnation && former.id === resume?.session && former.tokens.some((token) => sameSecret(token, resume.token));

/** Compares without telling by its duration where two secrets differ. */
function sameSecret(one: string, other: string): boolean {
  let difference = one.length ^ other.length;
  for (let index = 0; index < other.length; index += 1) difference |= one.charCodeAt(index % one.length) ^ other.charCodeAt(index);
  return difference === 0;
}
