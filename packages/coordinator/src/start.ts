/** Wires the node to SQLite, WebSockets and HTTP. Decides nothing about the domain. */
import type { Socket } from 'node:net';
import type { Scope } from '@holdfast/auth';
import { DEFAULT_COORDINATOR_OPTIONS } from '@holdfast/coordinator-core';
import { CodedError } from '@holdfast/kernel';
import type { Incarnation, WorkerId } from '@holdfast/model';
import { CLOSE } from '@holdfast/protocol';
import { createApp } from './http/app.ts';
import { type Edge, openEdge } from './http/server.ts';
import { prepareDataFolder, readAdminToken, removeEndpoint, writeAdminToken, writeEndpoint } from './local-files.ts';
import { hostNode, type NodeHost } from './node-host.ts';
import { assertSecure, type StartCoordinatorSettings } from './options.ts';
import type { Logger } from './process-log.ts';
import { startRetention } from './retention.ts';
import { openStoreMark, type StoreMark } from './store-mark.ts';
import { type Cleanup, createCleanup, openServices, type Services } from './services.ts';
import type { TokenService } from './token-service.ts';
import { createWorkerLinks, type WorkerLinks } from './worker-links.ts';

/** A coordinator that listens. */
export interface RunningCoordinator {
  /** `http://127.0.0.1:7420`. */
  readonly url: string;
  /** Where the truth is kept: a file, or the address of a database without its secrets. */
  readonly store: string;
  /** The token kept in `<data>/admin.token`. */
  readonly adminToken: string;
  /** A new token, in the form that clients send. */
  mintToken(scopes: readonly Scope[], name: string): Promise<string>;
  /** Tells the node that a worker's process is gone: the exit of a child that this process spawned. */
  reportDeath(worker: WorkerId, incarnation: Incarnation, reason: string): void;
  /** Stops granting and tells all workers; resolves with `drained`. */
  drain(reason: string): Promise<void>;
  /** Resolves when every worker was told, or when the coordinator was closed. */
  readonly drained: Promise<void>;
  /** Stops at once: links are closed 1012, the store is closed. Work goes on at the next start. */
  close(): Promise<void>;
  /**
   * Rejects when this process must end: another coordinator took over, or the store is in doubt.
   * The error is a `CodedError` whose `details.exitCode` is 75 or 78. Never resolves; nobody has to await it.
   */
  readonly fenced: Promise<never>;
}

/**
 * Starts a coordinator and resolves once it listens and its node runs.
 *
 * Errors, each a `CodedError` with `details.exitCode`: `LISTEN_INSECURE`, `LISTEN_IN_USE`, `LISTEN_FAILED`, `DATA_NOT_WRITABLE`,
 * and those of the store.
 */
export async function startCoordinator(settings: StartCoordinatorSettings): Promise<RunningCoordinator> {
  assertSecure(settings);
  prepareDataFolder(settings.dataFolder);
  const cleanup = createCleanup();
  try {
    return await start(settings, cleanup);
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

async function start(settings: StartCoordinatorSettings, cleanup: Cleanup): Promise<RunningCoordinator> {
  const services = await openServices(settings, cleanup);
  const { tokens, log, store } = services;
  // A server's store is guarded by its own row of coordinators.
  const mark = settings.store === undefined ? await openStoreMark(store, settings.dataFolder, settings.acceptOlder ?? false) : undefined;
  const adminToken = await ensureAdminToken(tokens, settings.dataFolder);
  let edge: Edge | undefined;
  const trusted = (socket: Socket): void => edge?.strangers.trusted(socket);
  const { host, links } = startNode(settings, services, mark, trusted, cleanup);
  if (mark) keepMarking(mark, host, links, log, cleanup);
  const { listener, streams } = createApp(services, host, links, (request) => trusted(request.socket));

  tokens.onRevoked((keyId) => {
    links.refuse(keyId);
    streams.cut('the token ended', keyId);
  });
  const sweep = setInterval(() => {
    links.refuse();
    streams.sweep();
  }, EXPIRY_SWEEP_MS);
  cleanup.add(() => clearInterval(sweep));

  edge = await openEdge(settings, services.limits, { request: listener, upgrade: links.upgrade, log, answered: services.watch.answered });
  const { url, close: closeEdge } = edge;
  cleanup.add(closeEdge);
  cleanup.add(() => {
    streams.cut('the coordinator restarts');
    links.closeAll(CLOSE.restart.code, CLOSE.restart.name);
  });
  await started(host);
  if (settings.store === undefined) cleanup.add(startRetention(settings.retention ?? {}, settings.dataFolder, store, log));
  writeEndpoint(settings.dataFolder, { url, pid: process.pid });
  cleanup.add(() => removeEndpoint(settings.dataFolder));
  log.info({ event: 'coordinator.started', url, dataFolder: settings.dataFolder });

  const drained = Promise.withResolvers<void>();
  return {
    url,
    store: services.store.place,
    adminToken,
    mintToken: async (scopes, name) => (await tokens.mint(name, scopes)).token,
    reportDeath: (worker, incarnation, reason) => host.offer({ kind: 'deathReported', worker, incarnation, reason }),
    drain: async (reason) => {
      await host.drain(reason);
      drained.resolve();
    },
    drained: drained.promise,
    close: async () => {
      await cleanup.run();
      drained.resolve();
    },
    fenced: host.failed,
  };
}

/** Starts the node and the hub of its worker links, which need each other. */
function startNode(
  settings: StartCoordinatorSettings,
  services: Services,
  mark: StoreMark | undefined,
  trusted: (socket: Socket) => void,
  cleanup: Cleanup,
): { readonly host: NodeHost; readonly links: WorkerLinks } {
  const { tokens, limits, log, store, events, logs, watch } = services;
  const links: WorkerLinks = createWorkerLinks({
    tokens,
    // The node performs its first effect in a later turn: `host` is there by then.
    offer: (input) => host.offer(input),
    isOpen: () => host.state === 'running',
    trusted,
    answered: watch.answered,
    log,
    helloWithinMs: limits.helloWithinMs,
    mark: () => mark?.text,
    markShown(text, by) {
      const proof = mark?.shown(text, by);
      if (proof) host.fail(proof);
    },
  });
  const host: NodeHost = hostNode(
    {
      id: services.id,
      ...DEFAULT_COORDINATOR_OPTIONS,
      ...(settings.store === undefined ? {} : { beatEveryMs: BEAT_EVERY_MS }),
      ...settings.options,
    },
    {
      committer: store,
      transmit: links.transmit,
      closeLink: links.close,
      closeAllLinks: links.closeAll,
      flushLinks: links.flush,
      publish(id, event) {
        if (event.e === 'log') {
          const { e: _kind, ...chunk } = event;
          logs.append(id, chunk);
        }
        events.publish(id, event);
      },
      noted: watch.noted,
      committed: watch.committed,
      log,
    },
  );
  cleanup.add(() => host.stop());
  cleanup.add(() => links.stop());
  return { host, links };
}

/** Marks the store anew while it changes, and a last time in the end. */
function keepMarking(mark: StoreMark, host: NodeHost, links: WorkerLinks, log: Logger, cleanup: Cleanup): void {
  let marked = 0;
  const advance = async (): Promise<void> => {
    if (host.commits === marked || host.state === 'failed') return;
    marked = host.commits;
    try {
      await mark.advance();
      links.giveMark(mark.text);
    } catch (error) {
      // The node hears of a store in doubt by its own next commit.
      log.warn({ event: 'store.notMarked', err: error }, 'the store could not be marked');
    }
  };
  const timer = setInterval(() => void advance(), MARK_EVERY_MS);
  cleanup.add(async () => {
    clearInterval(timer);
    await advance();
  });
}

/** Waits until the node has its first verdicts, so that the first request is answered and not refused. */
async function started(host: NodeHost): Promise<void> {
  const from = Date.now();
  while (host.state === 'starting') {
    if (Date.now() - from > START_WITHIN_MS)
      throw new CodedError('START_TIMED_OUT', 'start within 30 s: the store does not answer', { details: { exitCode: 75 } });
    await Promise.race([new Promise((next) => setTimeout(next, 5)), host.failed]);
  }
  if (host.state === 'failed') await host.failed;
}

/** The token in `<data>/admin.token`, made anew when it is missing or no longer valid. */
async function ensureAdminToken(tokens: TokenService, folder: string): Promise<string> {
  const kept = readAdminToken(folder);
  if (kept !== undefined && tokens.allows(kept, 'admin')) return kept;
  const { token } = await tokens.mint('local-admin', ['admin']);
  writeAdminToken(folder, token);
  return token;
}

/** A peer takes over after five of these. */
const BEAT_EVERY_MS = 2000;
/** Work of so many milliseconds at most is not missed in an older store. */
const MARK_EVERY_MS = 5000;
const EXPIRY_SWEEP_MS = 500;
const START_WITHIN_MS = 30_000;
