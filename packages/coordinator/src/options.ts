/** What a coordinator is started with. */
import { BLOB_LIMITS } from '@holdfast/blob-store';
import type { CoordinatorOptions } from '@holdfast/coordinator-core';
import { CodedError } from '@holdfast/kernel';
import { LIMITS } from '@holdfast/protocol';
import type { Retention } from './retention.ts';

export interface StartCoordinatorSettings {
  /** Folder of the database, logs, `admin.token` and `endpoint.json`. Made when it is missing. */
  readonly dataFolder: string;
  /** Port 0 takes a free one. Off loopback `tls` is required. */
  readonly listen: { readonly host: string; readonly port: number };
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
  /** Settings of the node; missing ones have their defaults. */
  readonly options?: Partial<CoordinatorOptions>;
  readonly limits?: Partial<EdgeLimits>;
  /** `postgres://user@host/database`: the truth is kept there, beside other coordinators. Absent: in `holdfast.db` of the data folder. */
  readonly store?: string;
  /** What that store calls this coordinator. Default: a name that the data folder keeps. A second one under a name fences the first. */
  readonly name?: string;
  /** Wait until the coordinator of that name was silent for 10 s, then take over. Default false. */
  readonly standby?: boolean;
  /** Accept a PostgreSQL that may lose what it acknowledged. Default false. */
  readonly notDurable?: boolean;
  /** Bytes of the SQLite database; past it submits are refused 507. Default: the disk's. */
  readonly storeBytesMax?: number;
  /** Which finished runs are kept. Default: all. */
  readonly retention?: Retention;
  /** Take the store as it is, though something newer was here before. Default false: `STORE_OLDER`. */
  readonly acceptOlder?: boolean;
  /** Host names accepted beside `listen.host`, loopback names and IP addresses. Without port. */
  readonly allowedHosts?: readonly string[];
  /** Origins accepted beside the coordinator's own: `https://dashboard.example`. Exact. */
  readonly allowedOrigins?: readonly string[];
  /** Default `info`. */
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** Also logs to stderr. Default false. */
  readonly logToStderr?: boolean;
}

/** Limits of sockets and requests. */
export interface EdgeLimits {
  /** Open connections, worker links included. Default 1,024. */
  readonly connectionsMax: number;
  /** Of those, without a valid token so far; beyond, the oldest is closed. Default 64. */
  readonly strangersMax: number;
  /** The same for one address that is not loopback. Default 8. */
  readonly strangersPerAddressMax: number;
  /** Milliseconds during which a stranger is never closed for another one. Default 1,000. */
  readonly strangersGraceMs: number;
  /** Milliseconds until a request's headers must be there. Default 10,000. */
  readonly headersWithinMs: number;
  /** Milliseconds until a whole request must be there. Default 30,000. */
  readonly requestWithinMs: number;
  /** Milliseconds from an upgrade to a valid hello. Default 5,000. */
  readonly helloWithinMs: number;
  /** Bytes of all headers. Default 8,192. */
  readonly headerBytesMax: number;
  /** Bytes of a request's body. Default 8 MiB. */
  readonly bodyBytesMax: number;
  /** Tasks of one call. Default 1,000. */
  readonly tasksPerCallMax: number;
  /** Bytes that may wait for the reader of an event stream. Default 8 MiB. */
  readonly streamBacklogMax: number;
  /** Milliseconds between heartbeat lines of a stream. Default 10,000. */
  readonly streamBeatEveryMs: number;
  /** Log bytes kept of one attempt. Default 10 MiB. */
  readonly logBytesPerAttemptMax: number;
  /** Bytes of one uploaded blob. Default 100 MiB. */
  readonly blobBytesMax: number;
  /** Bytes that one principal may have uploaded. Default 50 GiB. */
  readonly blobBytesPerPrincipalMax: number;
  /** Bytes of the disk that uploads leave free; 0: the smaller of 512 MiB and 5 % of the disk. Default 0. */
  readonly diskFreeMin: number;
  /** An upload that brings less than `uploadBytesPerWindowMin` in so many milliseconds is refused 408. Default 30,000. */
  readonly uploadWindowMs: number;
  /** Default 30 KiB, that is 1 KiB a second. */
  readonly uploadBytesPerWindowMin: number;
  /** Milliseconds for which blobs that nothing refers to are kept. Default a day. */
  readonly blobGraceMs: number;
  /** Milliseconds between two collections of such blobs. Default 10 min. */
  readonly blobSweepEveryMs: number;
}

export const DEFAULT_EDGE_LIMITS: EdgeLimits = {
  connectionsMax: 1024,
  strangersMax: 64,
  strangersPerAddressMax: 8,
  strangersGraceMs: 1000,
  headersWithinMs: 10_000,
  requestWithinMs: 30_000,
  helloWithinMs: LIMITS.helloWithinMs,
  headerBytesMax: 8192,
  bodyBytesMax: 8_388_608,
  tasksPerCallMax: 1000,
  streamBacklogMax: 8_388_608,
  streamBeatEveryMs: 10_000,
  logBytesPerAttemptMax: 10_485_760,
  blobBytesMax: BLOB_LIMITS.bytesMax,
  blobBytesPerPrincipalMax: BLOB_LIMITS.bytesPerPrincipalMax,
  diskFreeMin: 0,
  uploadWindowMs: 30_000,
  uploadBytesPerWindowMin: 30_720,
  blobGraceMs: BLOB_LIMITS.graceMs,
  blobSweepEveryMs: 600_000,
};

/** Whether `host` reaches this machine only. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);

/** Errors: `LISTEN_INSECURE`, with exit code 78 in its details. */
export function assertSecure(settings: StartCoordinatorSettings): void {
  if (settings.tls || isLoopback(settings.listen.host)) return;
  throw new CodedError(
    'LISTEN_INSECURE',
    `listen on ${settings.listen.host}: tokens would cross the network in clear; give a TLS certificate or listen on 127.0.0.1`,
    {
      details: { host: settings.listen.host, exitCode: 78 },
    },
  );
}
