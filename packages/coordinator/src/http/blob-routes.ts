/** Routes of blobs, for those who work with bytes by their hash, and of artifacts, for those who read what tasks left. */
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { BLOB_LIMITS, type ByteRange } from '@holdfast/blob-store';
import { type Artifact, type BlobDigest, parseDigest } from '@holdfast/model';
import { z } from 'zod';
import type { BlobService, UploadRefusal } from '../blob-service.ts';
import type { Queries } from '../queries.ts';
import { answer, type Call, type CallPorts, pathRun, pathTask, queryInteger, readBody, type Routes } from './calls.ts';
import { HttpProblem, SAFE_HEADERS } from './problem.ts';
import { findRun } from './run-routes.ts';
import { readUpload } from './upload.ts';

/** Adds `/api/v1/blobs` and the artifacts of runs and tasks. */
export function addBlobRoutes(routes: Routes, ports: CallPorts, queries: Queries, blobs: BlobService): void {
  const { limits } = ports;

  routes.on('PUT', '/api/v1/blobs/:digest', ['worker:register', 'artifact:write'], async (call) => {
    const digest = pathDigest(call);
    const { incoming, outgoing } = call.context.env;
    const size = declaredSize(call, limits.blobBytesMax);
    const upload = readUpload(incoming, limits.uploadWindowMs, limits.uploadBytesPerWindowMin);
    if (incoming.headers.expect !== undefined) outgoing.writeContinue();
    const outcome = await blobs.put(call.principal.name, digest, upload.bytes, size);
    if (upload.slow()) throw new HttpProblem(408, `less than ${limits.uploadBytesPerWindowMin} bytes in ${limits.uploadWindowMs} ms`);
    if (outcome === 'stored' || outcome === 'present') return answer({ digest, size }, outcome === 'stored' ? 201 : 200);
    throw refusal(outcome);
  });

  routes.on('GET', '/api/v1/blobs/:digest', ['worker:register', 'artifact:read'], (call) => send(call, ports, blobs, pathDigest(call)));

  routes.on('POST', '/api/v1/blobs/missing', ['worker:register', 'artifact:write'], async (call) => {
    const { digests } = await readBody(call, missingBody, limits);
    return answer({ missing: await blobs.missing(digests) });
  });

  routes.on('GET', '/api/v1/runs/:id/artifacts', 'read', async (call) => {
    const run = await findRun(queries, pathRun(call));
    return answer(await queries.artifacts(run.id, queryInteger(call, 'after', CURSOR), queryInteger(call, 'limit', PAGE)));
  });

  routes.on('GET', '/api/v1/runs/:id/tasks/:n/artifacts/:name{.+}', 'artifact:read', async (call) => {
    const name = call.context.req.param('name') ?? '';
    const task = await queries.task(pathRun(call), pathTask(call));
    const epoch = queryInteger(call, 'epoch', CURSOR);
    const attempts = (task?.attemptRows ?? []).filter((attempt) => epoch === 0 || attempt.epoch === epoch);
    const found = attempts.toReversed().flatMap((attempt) => attempt.result?.artifacts?.filter((one) => one.name === name) ?? [])[0];
    if (!found) throw new HttpProblem(404, 'no such artifact');
    return send(call, ports, blobs, found.digest, found);
  });
}

/**
 * Sends a blob, or the range that was asked for. Whatever its bytes are, a browser is told to save them and to run nothing:
 * artifacts come from tests, which may be anybody's.
 */
async function send(call: Call, ports: CallPorts, blobs: BlobService, digest: BlobDigest, artifact?: Artifact): Promise<Response> {
  const { incoming, outgoing } = call.context.env;
  const size = await blobs.size(digest);
  if (size === undefined) throw new HttpProblem(404, artifact ? 'the bytes of this artifact are gone' : 'no such blob');
  const range = readRange(incoming.headers.range, size);
  if (range === 'unsatisfiable') throw new HttpProblem(416, `the blob has ${size} bytes`);
  const found = await blobs.open(digest, range);
  if (!found) throw new HttpProblem(404, 'no such blob');
  const { start, end } = range ?? { start: 0, end: size };
  outgoing.writeHead(range ? 206 : 200, {
    ...SAFE_HEADERS,
    'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
    'content-type': 'application/octet-stream',
    'content-disposition': disposition(artifact?.name ?? digest),
    'content-length': end - start,
    'accept-ranges': 'bytes',
    etag: `"${digest}"`,
    ...(range ? { 'content-range': `bytes ${start}-${end - 1}/${size}` } : {}),
  });
  if (incoming.method === 'HEAD') outgoing.end();
  else {
    pipeline(Readable.from(found.bytes, { objectMode: false }), outgoing).catch((error: unknown) => {
      // The reader left, or the bytes are damaged: either way its answer ends early, which its length shows.
      ports.log.warn({ event: 'blob.notSent', digest, err: error }, 'a blob was not sent to its end');
    });
  }
  return RESPONSE_ALREADY_SENT;
}

/** `bytes=a-b`, `bytes=a-` or `bytes=-n`; anything else asks for all of it (RFC 9110, 14.2). */
function readRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [first, last] = [match[1]!, match[2]!];
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  return start < end ? { start, end } : 'unsatisfiable';
}

function pathDigest(call: Call): BlobDigest {
  const digest = parseDigest(call.context.req.param('digest') ?? '');
  if (digest === undefined) throw new HttpProblem(404, 'no such blob: names are sha256- and 64 lower-case hex digits');
  return digest;
}

function declaredSize(call: Call, bytesMax: number): number {
  const text = call.context.req.header('content-length');
  if (text === undefined) throw new HttpProblem(411, 'an upload tells its length');
  const size = Number(text);
  if (size > bytesMax) throw refusal('too_large');
  return size;
}

/** Saves under the last part of the name; other letters than those of a header stand in its second form (RFC 6266). */
function disposition(name: string): string {
  const last = name.split('/').at(-1)!;
  const plain = last.replace(/[^\w.-]/g, '_');
  return `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(last).replace(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`)}`;
}

const refusal = (reason: UploadRefusal): HttpProblem => {
  const [status, message] = REFUSALS[reason];
  return new HttpProblem(status, message, { code: reason, ...(status === 507 ? { retryAfterSeconds: 10 } : {}) });
};

const REFUSALS: Readonly<Record<UploadRefusal, readonly [status: number, message: string]>> = {
  wrong_hash: [422, 'the bytes are not those that the name says'],
  wrong_size: [400, 'the bytes are fewer or more than announced'],
  too_large: [413, 'the blob is larger than may be'],
  cut: [400, 'the body ended early'],
  no_space: [507, 'the disk is full'],
  quota: [413, 'the quota of this token is used up'],
};

const missingBody = z.strictObject({
  digests: z
    .array(z.string().refine((text) => parseDigest(text) !== undefined, { error: 'not a digest' }))
    .max(BLOB_LIMITS.missingMax)
    .transform((list) => list as BlobDigest[]),
});
const PAGE = { min: 1, max: 1000, default: 100 };
const CURSOR = { min: 0, max: Number.MAX_SAFE_INTEGER, default: 0 };
