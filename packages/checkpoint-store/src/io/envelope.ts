/**
 * What a checkpoint looks like between the attempt that saved it and the one that goes on from it, format 1:
 * `{ v: 1, kind, name?, digest, size, inline? }` beside, when it is large, a blob of that digest.
 *
 * E1 The digest is of the state's own bytes, made where they were saved and checked where they are used: no step between is trusted.
 * E2 A reader that does not know the format says so; it never calls it damaged.
 */
import { createHash } from 'node:crypto';
import { bad, ok, type Result } from '@holdfast/kernel';
import { type BlobRef, digestOf, type Json, parseDigest } from '@holdfast/model';

/** A state to go on from. */
export interface State {
  /** `json`: text of a module's state. `file`: a file of the checkpoint folder. */
  readonly kind: 'json' | 'file';
  /** Of the file, without folder. */
  readonly name?: string;
  readonly bytes: Uint8Array;
}

export interface SealedState {
  readonly data: Json;
  /** The state's bytes must be kept under this digest: they are not in `data`. */
  readonly blob?: BlobRef;
}

/** Why a state cannot be used. */
export type StateProblem =
  /** Its bytes are not those that were saved. */
  | 'damaged'
  /** Its bytes are in a blob and were not given. */
  | 'absent'
  /** Written by another version. */
  | 'unknown';

/** Seals a state; up to `INLINE_BYTES_MAX` it is inline. */
export function sealState({ kind, name, bytes }: State): SealedState {
  const size = bytes.byteLength;
  const digest = digestOf(createHash('sha256').update(bytes).digest('hex'));
  const head = { v: 1, kind, ...(name === undefined ? {} : { name }), digest, size };
  if (size > INLINE_BYTES_MAX) return { data: head, blob: { digest, size } };
  return { data: { ...head, inline: Buffer.from(bytes).toString('base64') } };
}

/** Opens a sealed state; `bytes` are those of its blob (E1). */
export function openState(data: Json, bytes?: Uint8Array): Result<State, StateProblem> {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return bad('unknown');
  const { v, kind, name, digest, size, inline } = data as Readonly<Record<string, Json>>;
  if (v !== 1 || (kind !== 'json' && kind !== 'file')) return bad('unknown');
  if (typeof digest !== 'string' || parseDigest(digest) === undefined) return bad('damaged');
  const found = typeof inline === 'string' ? Buffer.from(inline, 'base64') : bytes;
  if (!found) return bad('absent');
  if (found.byteLength !== size || digestOf(createHash('sha256').update(found).digest('hex')) !== digest) return bad('damaged');
  return ok({ kind, bytes: found, ...(typeof name === 'string' ? { name } : {}) });
}

/** States up to this size travel in a message: as base64 beside the rest of an assignment they stay below what one carries. */
export const INLINE_BYTES_MAX = 65_536;
/** Bytes of a state at most: 16 MiB. */
export const STATE_BYTES_MAX = 16_777_216;
