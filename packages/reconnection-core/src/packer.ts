/**
 * Compression of single messages.
 *
 * Z1 A message is packed when it is offered, once; what was packed is what is numbered, kept, sent, sealed and sent again.
 * Z2 It stays packed only where that saves a tenth of its bytes, base64 included.
 * Z3 A packed message names its method in its first letter, and is inflated only up to the size that an unpacked one may have.
 */
import { LIMITS } from '@holdfast/protocol';

export interface Packer {
  /** Names that this end reads and writes, best first. */
  readonly methods: readonly string[];
  /** The text, compressed, as base64. */
  pack(method: string, text: string): string;
  /** The text again; `too_large`: more than `bytesMax`, found without inflating more than that; undefined: no such compression. */
  unpack(method: string, base64: string, bytesMax: number): string | 'too_large' | undefined;
}

/** The first of the offered methods that this end knows, too; undefined: messages go as they are. */
export const chosenMethod = (offered: readonly string[] | undefined, known: readonly string[] | undefined): string | undefined =>
  offered?.find((method) => known?.includes(method));

/** What crosses the wire in place of `json`, a JSON string; undefined: not worth it (Z2). */
export function packed(packer: Packer, method: string, json: string, bytes: number): string | undefined {
  if (bytes < PACKED_FROM_BYTES) return undefined;
  const text = `${method === 'zstd' ? 'z' : 'd'}${packer.pack(method, json)}`;
  return text.length + 2 <= bytes * 0.9 && text.length <= LIMITS.stringMax ? `"${text}"` : undefined;
}

/** The message of a packed payload, or what is wrong with it. `problem` begins with `too large` where it would not end. */
export function unpacked(packer: Packer | undefined, payload: string): { readonly text: string } | { readonly problem: string } {
  const method = METHODS[payload[0] ?? ''];
  if (!packer || method === undefined || !packer.methods.includes(method)) return { problem: 'a packed message that was not agreed on' };
  const text = packer.unpack(method, payload.slice(1), LIMITS.messageBytesMax);
  if (text === undefined) return { problem: `no ${method}` };
  return text === 'too_large' ? { problem: TOO_LARGE } : { text };
}

export const TOO_LARGE = 'too large when inflated';
const METHODS: Readonly<Record<string, string>> = { z: 'zstd', d: 'deflate' };
const PACKED_FROM_BYTES = 1024;
