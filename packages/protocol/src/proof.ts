/**
 * How both ends of a link prove that they know the same secret, without sending it (PROTOCOL.md, section 2).
 *
 * X1 What is stored is not what is sent: the coordinator keeps `storedKey` and `serverKey`; a worker proves that it knows `clientKey`, of
 *    which `storedKey` is the hash. After RFC 5802 (SCRAM); the secret is 256 random bits, so that no salt and no iterations are needed.
 * X2 Every digest begins with a label of its own purpose and direction, so that none can be sent back or used elsewhere.
 * X3 Every proof covers the whole hello, both nonces and all that was chosen: nothing of it can be replayed, swapped or weakened.
 */
import type { Mac } from '@holdfast/kernel';
import type { Challenge, Hello } from './frames.ts';

/** What the coordinator keeps of a secret; 64 hex digits each. */
export interface StoredKeys {
  readonly storedKey: string;
  readonly serverKey: string;
}

/** What the holder of a secret computes from it; 64 hex digits each. */
export interface ClientKeys extends StoredKeys {
  readonly clientKey: string;
}

/** The keys of a secret: the last part of a token, ASCII. */
export function keysOf(mac: Mac, secret: string): ClientKeys {
  const key = asciiHex(secret);
  const clientKey = mac.hmac(key, 'holdfast client key');
  return { clientKey, storedKey: mac.sha256(clientKey), serverKey: mac.hmac(key, 'holdfast server key') };
}

/** All that a link has agreed on: the hello as it was sent, and what the challenge chose and drew. */
export const transcriptOf = (helloText: string, challenge: Challenge): string =>
  [helloText, challenge.protocol, challenge.nonce, challenge.compress ?? 'none', challenge.sealed === true ? 'sealed' : 'open'].join('\n');

/** The worker's proof: `clientKey` hidden by a digest that only who knows `storedKey` can take off again. */
export const proofOf = (mac: Mac, keys: ClientKeys, transcript: string): string =>
  exclusiveOr(keys.clientKey, mac.hmac(keys.storedKey, `holdfast worker proof\n${transcript}`));

/** The client key that a proof shows; undefined: the proof is not one of these keys. Constant time. */
export function clientKeyOf(mac: Mac, keys: StoredKeys, transcript: string, proof: string): string | undefined {
  const clientKey = exclusiveOr(proof, mac.hmac(keys.storedKey, `holdfast worker proof\n${transcript}`));
  return mac.equal(mac.sha256(clientKey), keys.storedKey) ? clientKey : undefined;
}

/** The coordinator's proof, which only who keeps `serverKey` can make. */
export const serverProofOf = (mac: Mac, keys: StoredKeys, transcript: string): string =>
  mac.hmac(keys.serverKey, `holdfast coordinator proof\n${transcript}`);

/** The keys of sealed frames, one for each direction of one link. */
export const sealKeysOf = (mac: Mac, clientKey: string, transcript: string): { readonly up: string; readonly down: string } => ({
  up: mac.hmac(clientKey, `holdfast frames of the worker\n${transcript}`),
  down: mac.hmac(clientKey, `holdfast frames of the coordinator\n${transcript}`),
});

/** The hello and its nonce, if it is one that can be answered with a challenge. */
export const canProve = (hello: Hello): hello is Hello & { readonly key: string; readonly nonce: string } =>
  hello.key !== undefined && hello.nonce !== undefined;

/** Bytes as lower-case hex. */
export function hexOf(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

function asciiHex(text: string): string {
  let hex = '';
  for (let index = 0; index < text.length; index += 1) hex += (text.charCodeAt(index) & 0xff).toString(16).padStart(2, '0');
  return hex;
}

/** Digit by digit; both have 64. */
function exclusiveOr(one: string, other: string): string {
  let result = '';
  for (let index = 0; index < 64; index += 8) {
    const word = Number.parseInt(one.slice(index, index + 8), 16) ^ Number.parseInt(other.slice(index, index + 8), 16);
    result += (word >>> 0).toString(16).padStart(8, '0');
  }
  return result;
}
