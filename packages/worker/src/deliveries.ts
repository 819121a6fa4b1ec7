/**
 * Bytes between attempts and the coordinator: what an attempt left or saved is uploaded before it is told, and what it goes on from is
 * fetched before it starts.
 *
 * D1 A result that names artifacts is told only after the coordinator has all their bytes (G19), however long that takes: tries go on
 *    through cut links and restarts until the lease is stopped. Meanwhile the attempt holds its slot, so that a worker whose uploads
 *    do not get through takes no more work.
 * D2 Checkpoints and the end of one attempt are told in order; its news does not wait.
 * D3 A checkpoint whose bytes are damaged is reported and the older one taken; with none left the attempt starts from the beginning.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { openState } from '@holdfast/checkpoint-store/envelope';
import type { Client } from '@holdfast/client';
import { CodedError, errorText } from '@holdfast/kernel';
import {
  type Artifact,
  type AttemptEvent,
  type AttemptOrder,
  type AttemptResult,
  type BlobRef,
  digestOf,
  type LeaseKey,
  leaseText,
  type LeftFile,
  type OrderedResume,
} from '@holdfast/model';

type Told<Kind extends AttemptEvent['kind']> = Extract<AttemptEvent, { kind: Kind }>;
type Blobs = Pick<Client, 'missingBlobs' | 'putBlob' | 'openBlob'>;

export interface DeliveryPorts {
  /** Of the coordinator that is current now; each call tries for some seconds. */
  readonly blobs: () => Blobs;
  /** What the node hears. */
  readonly tell: (event: AttemptEvent) => void;
  /** A checkpoint cannot be kept. */
  readonly notKept: (lease: LeaseKey, seq: number, problem: string) => void;
  readonly corrupt: (lease: LeaseKey, checkpoint: { readonly epoch: number; readonly seq: number }) => void;
  readonly log: (level: 'debug' | 'info' | 'warn', event: string, details: Readonly<Record<string, string | number>>) => void;
}

export interface Deliveries {
  /** Passes an event of the executor on, at once or after its bytes. */
  take(event: AttemptEvent): void;
  /** Calls `start` with the order once it has what it goes on from; at once if that is nothing. */
  prepare(order: AttemptOrder, start: (order: AttemptOrder) => void): void;
  /** Gives up what is under way for a lease. `unstarted`: nothing was started for it, and nothing will be. */
  stop(lease: LeaseKey): 'unstarted' | 'aborted' | 'idle';
  /** Gives up everything; resolves when nothing is under way. */
  close(): Promise<void>;
}

interface Delivery {
  readonly abort: AbortController;
  /** Everything of this lease so far. */
  chain: Promise<void>;
  backlog: number;
  preparing: boolean;
}

/** Creates deliveries. */
export function createDeliveries(ports: DeliveryPorts): Deliveries {
  const current = new Map<string, Delivery>();

  function queue(lease: LeaseKey, act: (signal: AbortSignal) => Promise<void>, preparing = false): void {
    const key = leaseText(lease);
    const delivery = current.get(key) ?? { abort: new AbortController(), chain: Promise.resolve(), backlog: 0, preparing };
    current.set(key, delivery);
    delivery.preparing = preparing;
    delivery.backlog += 1;
    delivery.chain = delivery.chain
      .then(() => act(delivery.abort.signal))
      .catch((error: unknown) => ports.log('warn', 'delivery.failed', { lease: key, error: errorText(error) }))
      .then(() => {
        delivery.backlog -= 1;
        if (delivery.backlog === 0 && current.get(key) === delivery) current.delete(key);
      });
  }

  /** D1: until it is done, refused, or given up; each time with the coordinator that is there then. */
  async function throughOutages<Value>(act: (blobs: Blobs) => Promise<Value>, signal: AbortSignal): Promise<Value> {
    for (;;) {
      try {
        return await act(ports.blobs());
      } catch (error) {
        if (signal.aborted || !(error instanceof CodedError) || !error.retryable) throw error;
      }
    }
  }

  /** The checkpoint's bytes are put, then it is told. */
  async function save(event: Told<'checkpoint'>, signal: AbortSignal): Promise<void> {
    const { bytes, ...told } = event;
    try {
      const { blob } = event;
      if (blob && bytes) await throughOutages((blobs) => put(blobs, blob, () => once(bytes), signal), signal);
      ports.tell(told);
    } catch (error) {
      if (signal.aborted) return;
      ports.log('warn', 'checkpoint.notKept', { lease: leaseText(event.lease), seq: event.seq, error: errorText(error) });
      ports.notKept(event.lease, event.seq, errorText(error));
    }
  }

  async function end(event: Told<'ended'>, signal: AbortSignal): Promise<void> {
    const { left, ...told } = event;
    if (!left) return ports.tell(told);
    try {
      const artifacts = await throughOutages((blobs) => uploadAll(blobs, left.files, signal), signal);
      ports.tell({ ...told, result: { ...event.result, artifacts } });
    } catch (error) {
      ports.log('warn', 'artifacts.notKept', { lease: leaseText(event.lease), error: errorText(error) });
      ports.tell({ ...told, result: withoutArtifacts(event.result, `its artifacts could not be kept: ${errorText(error)}`) });
    } finally {
      await rm(left.folder, { recursive: true, force: true });
    }
  }

  async function resume(order: AttemptOrder, signal: AbortSignal): Promise<AttemptOrder> {
    const { resumeFrom, ...bare } = order;
    for (let point: (OrderedResume & { readonly older?: OrderedResume }) | undefined = resumeFrom; point; point = point.older) {
      const { blob } = point;
      const bytes = blob ? await throughOutages((blobs) => fetchBlob(blobs, blob, signal), signal) : undefined;
      const state = openState(point.data, bytes);
      // What another version wrote is not damaged: whoever reads it decides.
      if (state.ok || state.problem === 'unknown') return { ...bare, resumeFrom: { ...point, ...(bytes ? { bytes } : {}) } };
      ports.log('warn', 'checkpoint.corrupt', { lease: leaseText(order), seq: point.seq, problem: state.problem });
      if (point.epoch !== undefined)
        ports.corrupt({ run: order.run, n: order.n, epoch: order.epoch }, { epoch: point.epoch, seq: point.seq });
    }
    return bare;
  }

  return {
    take(event) {
      const waits = event.kind === 'checkpoint' || event.kind === 'ended';
      const hasBytes = (event.kind === 'checkpoint' && event.bytes) || (event.kind === 'ended' && event.left);
      if (!waits || (!hasBytes && !current.has(leaseText(event.lease)))) return ports.tell(event);
      queue(event.lease, (signal) => (event.kind === 'checkpoint' ? save(event, signal) : end(event as Told<'ended'>, signal)));
    },
    prepare(order, start) {
      if (!order.resumeFrom) return start(order);
      queue(
        order,
        async (signal) => {
          const ready = await resume(order, signal).catch((error: unknown) => errorText(error));
          if (signal.aborted) return;
          const delivery = current.get(leaseText(order));
          if (delivery) delivery.preparing = false;
          if (typeof ready !== 'string') return start(ready);
          const { run, n, epoch } = order;
          const reason = `its checkpoint could not be fetched: ${ready}`;
          ports.tell({ kind: 'ended', lease: { run, n, epoch }, result: { outcome: 'errored', reason, durationMs: 0, cases: [] } });
        },
        true,
      );
    },
    stop(lease) {
      const delivery = current.get(leaseText(lease));
      if (!delivery) return 'idle';
      delivery.abort.abort(new Error('the lease was stopped'));
      return delivery.preparing ? 'unstarted' : 'aborted';
    },
    async close() {
      for (const delivery of current.values()) delivery.abort.abort(new Error('the worker ends'));
      await Promise.all([...current.values()].map((delivery) => delivery.chain));
    },
  };
}

/** Uploads what the coordinator lacks; each content once. */
async function uploadAll(blobs: Blobs, files: readonly LeftFile[], signal: AbortSignal): Promise<Artifact[]> {
  const artifacts: Artifact[] = [];
  const pathOf = new Map<string, string>();
  for (const { name, path } of files) {
    const ref = await hashFile(path);
    artifacts.push({ name, ...ref });
    pathOf.set(ref.digest, path);
  }
  const missing = new Set(await blobs.missingBlobs([...new Set(artifacts.map((one) => one.digest))], signal));
  for (const { digest, size } of artifacts) {
    if (!missing.delete(digest)) continue;
    await blobs.putBlob({ digest, size }, () => createReadStream(pathOf.get(digest)!) as AsyncIterable<Uint8Array>, signal);
  }
  return artifacts;
}

async function put(blobs: Blobs, ref: BlobRef, source: () => AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  const missing = await blobs.missingBlobs([ref.digest], signal);
  if (missing.length > 0) await blobs.putBlob(ref, source, signal);
}

async function hashFile(path: string): Promise<BlobRef> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const bytes of createReadStream(path) as AsyncIterable<Uint8Array>) {
    hash.update(bytes);
    size += bytes.byteLength;
  }
  return { digest: digestOf(hash.digest('hex')), size };
}

/** The bytes; undefined when they are not there or do not come whole: damage, which a further try does not repair. */
async function fetchBlob(blobs: Blobs, { digest, size }: BlobRef, signal: AbortSignal): Promise<Uint8Array | undefined> {
  for (let tries = 1; ; tries += 1) {
    const parts: Uint8Array[] = [];
    let received = 0;
    try {
      for await (const part of await blobs.openBlob(digest, signal)) {
        received += part.byteLength;
        if (received > size) return undefined;
        parts.push(part);
      }
      return Buffer.concat(parts);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof CodedError && error.details['status'] === 404) return undefined;
      // Out of reach is no damage, nor is a refusal.
      if (error instanceof CodedError) throw error;
      if (tries === FETCH_TRIES) return undefined;
    }
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** An attempt that passed has not, if what it left is not kept. */
const withoutArtifacts = (result: AttemptResult, problem: string): AttemptResult => ({
  ...result,
  outcome: result.outcome === 'passed' ? 'errored' : result.outcome,
  reason: (result.reason === undefined ? problem : `${result.reason}; ${problem}`).slice(0, REASON_LENGTH_MAX),
});

const FETCH_TRIES = 5;
const REASON_LENGTH_MAX = 2048;
