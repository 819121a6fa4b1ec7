/**
 * The coordinator's door: one link from its first frame until its worker has proven itself. After that a server session takes over.
 *
 * G1 One hello, one challenge, one proof; whatever else comes, or comes late, ends the link. A nonce is drawn for one link and used once.
 * G2 A key that nobody has is challenged and refused like a wrong proof: an outsider learns not even which keys there are.
 * G3 Nothing of a hello counts before `proven`; the versions and features that this end does not know are refused, never ignored.
 */
import { after, type DurationMs, durationMs, type Entropy, type Mac, type Machine, type MonoMs } from '@holdfast/kernel';
import {
  canProve,
  type Challenge,
  CLOSE,
  type CloseMeaning,
  clientKeyOf,
  encodeFrame,
  type Hello,
  hexOf,
  PROTOCOL_VERSIONS,
  sealKeysOf,
  serverProofOf,
  type StoredKeys,
  transcriptOf,
  type WorkerFrame,
} from '@holdfast/protocol';
import { chosenMethod } from './packer.ts';

export type GateInput =
  /** A frame that passed its schema, and its text. */
  | { readonly kind: 'frameReceived'; readonly frame: WorkerFrame; readonly text: string }
  /** Bytes that are no frame. */
  | { readonly kind: 'rubbishReceived'; readonly reason: string };

export type GateEffect =
  | { readonly kind: 'transmit'; readonly text: string }
  /** From here on each frame of this link carries its digest, both ways: `createSeal(mac, send, receive)`. */
  | { readonly kind: 'sealLink'; readonly send: string; readonly receive: string }
  /** The worker knows the secret of `hello.key`. `proof` belongs into the welcome. The gate has done its work. */
  | { readonly kind: 'proven'; readonly hello: Hello; readonly key: string; readonly proof: string }
  /** Close the link with this code. `key`: the one that was named in a failed proof, for a brake on guessing. */
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string; readonly key?: string | undefined };

export interface GateSnapshot {
  readonly state: GateStateKind;
}
export type GateStateKind = 'fresh' | 'challenged' | 'passed' | 'closed';
export type Gate = Machine<GateInput, GateEffect, GateSnapshot>;

export interface GatePorts {
  readonly mac: Mac;
  /** Draws the nonce. */
  readonly entropy: Entropy;
  /** The keys of an active secret; undefined: there is none of that name, or it has ended. */
  readonly find: (key: string) => StoredKeys | undefined;
}

export interface GateOptions {
  /** Versions to accept, best first. Default `PROTOCOL_VERSIONS`. */
  readonly protocol?: readonly number[] | undefined;
  /** From opening to the hello, and from the challenge to the proof. Default 5 s. */
  readonly within?: DurationMs | undefined;
  /** Compressions that this end reads and writes: the `methods` of the server session's packer. Default none. */
  readonly compress?: readonly string[] | undefined;
  /** Nothing else protects this link: its frames are sealed. Default false. */
  readonly exposed?: boolean | undefined;
}

type State =
  | { readonly kind: 'fresh'; readonly deadline: MonoMs }
  | {
      readonly kind: 'challenged';
      readonly deadline: MonoMs;
      readonly hello: Hello;
      readonly key: string;
      readonly challenge: Challenge;
      readonly transcript: string;
    }
  | { readonly kind: 'passed' }
  | { readonly kind: 'closed' };

type Effects = readonly GateEffect[];

/** Creates the gate of a link that opened at `now`. */
export function createGate(options: GateOptions, ports: GatePorts, now: MonoMs): Gate {
  const { mac, entropy, find } = ports;
  const within = options.within ?? durationMs(5000);
  const spoken = options.protocol ?? PROTOCOL_VERSIONS;
  let state: State = { kind: 'fresh', deadline: after(now, within) };

  const refuse = (meaning: CloseMeaning, reason: string, key?: string): Effects => {
    state = { kind: 'closed' };
    return [{ kind: 'refused', code: meaning.code, reason, ...(key === undefined ? {} : { key }) }];
  };

  const helloReceived = (hello: Hello, text: string, at: MonoMs): Effects => {
    const protocol = spoken.find((version) => hello.protocol.includes(version));
    if (protocol === undefined)
      return refuse(CLOSE.version, `protocol version ${hello.protocol.join(', ')} offered, ${spoken.join(', ')} spoken here`);
    if (!canProve(hello)) return refuse(CLOSE.version, 'a hello without key and nonce proves nothing');
    const strange = hello.requires?.find((feature) => !FEATURES.includes(feature));
    if (strange !== undefined) return refuse(CLOSE.version, `${strange} is not known here`);
    const sealed = options.exposed === true || (hello.requires ?? []).includes('sealed');
    const compress = chosenMethod(hello.compress, options.compress) as Challenge['compress'];
    const challenge: Challenge = {
      f: 'challenge',
      protocol,
      nonce: hexOf(entropy.bytes(32)),
      ...(compress === undefined ? {} : { compress }),
      ...(sealed ? { sealed } : {}),
    };
    state = {
      kind: 'challenged',
      deadline: after(at, within),
      hello,
      key: hello.key,
      challenge,
      transcript: transcriptOf(text, challenge),
    };
    return [{ kind: 'transmit', text: encodeFrame(challenge) }];
  };

  const proofReceived = (from: Extract<State, { kind: 'challenged' }>, proof: string): Effects => {
    const { hello, key, challenge, transcript } = from;
    const known = find(key);
    // Computed for unknown keys, too: the time taken says nothing about which exist.
    const clientKey = clientKeyOf(mac, known ?? NO_KEYS, transcript, proof);
    if (!known || clientKey === undefined) return refuse(CLOSE.unauthenticated, CLOSE.unauthenticated.name, key);
    state = { kind: 'passed' };
    const effects: GateEffect[] = [];
    if (challenge.sealed === true) {
      const { up, down } = sealKeysOf(mac, clientKey, transcript);
      effects.push({ kind: 'sealLink', send: down, receive: up });
    }
    effects.push({ kind: 'proven', hello, key, proof: serverProofOf(mac, known, transcript) });
    return effects;
  };

  const handle = (input: GateInput, at: MonoMs): Effects => {
    const from = state;
    if (from.kind === 'passed' || from.kind === 'closed') return [];
    if (input.kind === 'rubbishReceived') return refuse(CLOSE.badMessage, input.reason);
    const { frame } = input;
    if (input.text.length > TEXT_MAX) return refuse(CLOSE.tooLarge, `${input.text.length} units before a proof`);
    if (from.kind === 'fresh')
      return frame.f === 'hello' ? helloReceived(frame, input.text, at) : refuse(CLOSE.unauthenticated, `${frame.f} before hello`);
    return frame.f === 'proof' ? proofReceived(from, frame.proof) : refuse(CLOSE.badMessage, `${frame.f} before the proof`);
  };

  return {
    handle,
    tick: (at) =>
      'deadline' in state && at >= state.deadline
        ? refuse(CLOSE.authTimeout, state.kind === 'fresh' ? 'no hello in time' : 'no proof in time')
        : [],
    deadline: () => ('deadline' in state ? state.deadline : undefined),
    snapshot: () => ({ state: state.kind }),
  };
}

/** Units of a frame that a stranger may send. */
const TEXT_MAX = 65_536;
/** What a hello may require. */
const FEATURES: readonly string[] = ['sealed'];
const NO_KEYS: StoredKeys = { storedKey: '0'.repeat(64), serverKey: '0'.repeat(64) };
