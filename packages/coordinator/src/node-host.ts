/**
 * Gives one coordinator node its life: drives it, commits its batches, answers its requests, and rebuilds it when the disk was full.
 *
 * N1 One batch is under way at a time; its outcome comes back as one input (M2).
 * N2 After `halted` nothing that the node held goes out: links are closed, requests are refused, the driver is stopped (M4).
 * N3 A full disk ends the node, not the process: a new one starts from the store once a commit succeeds again.
 *    Anything else ends in `failed`, and the process must exit.
 */
import type { AsyncCommitter, Op, Verdict } from '@holdfast/committer';
import {
  type ClientReply,
  type ClientRequest,
  type CoordinatorEffect,
  type CoordinatorInput,
  type CoordinatorNode,
  type CoordinatorOptions,
  createCoordinatorNode,
} from '@holdfast/coordinator-core';
import { assert, CodedError, drive, type Driver, durationMs, errorText } from '@holdfast/kernel';
import { nodeClock, nodeTimers } from '@holdfast/kernel/node';
import type { RunId } from '@holdfast/model';
import { nodePacker } from '@holdfast/reconnection-core/ws';
import type { RunEvent } from '@holdfast/results';
import type { Logger } from './process-log.ts';

export interface NodeHostPorts {
  readonly committer: Pick<AsyncCommitter, 'commit'>;
  readonly transmit: (link: number, text: string) => void;
  readonly closeLink: (link: number, code: number, reason: string) => void;
  readonly closeAllLinks: (code: number, reason: string) => void;
  readonly flushLinks: () => void;
  readonly publish: (id: RunId, event: RunEvent) => void;
  readonly noted: (event: string, details: Readonly<Record<string, unknown>>) => void;
  readonly committed: (ops: readonly Op[], verdicts: readonly Verdict[], seconds: number) => void;
  readonly log: Logger;
}

/** `starting`: the first batch is not committed yet. `storage_full`: waits for space. `failed`: the process must end. */
export type HostState = 'starting' | 'running' | 'draining' | 'storage_full' | 'failed' | 'closed';

export interface NodeHost {
  offer(input: CoordinatorInput): void;
  /** Always answers: 503 while there is no node to ask. */
  ask(principal: string, request: ClientRequest): Promise<ClientReply>;
  readonly state: HostState;
  /** Resolves once every worker was told. */
  drain(reason: string): Promise<void>;
  stop(): void;
  /** Ends the node for good: this process must not go on. */
  fail(error: CodedError): void;
  /** Batches committed so far. */
  readonly commits: number;
  /** Rejects with the reason why this process must end; `details.exitCode` says with which code. Never resolves. */
  readonly failed: Promise<never>;
}

/** Starts a node over an opened store. */
export function hostNode(options: CoordinatorOptions, ports: NodeHostPorts): NodeHost {
  let node: CoordinatorNode;
  let driver: Driver<CoordinatorInput>;
  let life = 0;
  let ended: 'storage_full' | 'failed' | 'closed' | undefined;
  let nextToken = 1;
  let fullInARow = 0;
  let commits = 0;
  let seen: { readonly life: number; readonly at: number; readonly state: HostState } = { life: 0, at: 0, state: 'starting' };
  const asked = new Map<number, (reply: ClientReply) => void>();
  const drained = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {
    /* ignored: whoever awaits `failed` hears of it; nobody has to. */
  });

  const refuseAll = (reply: ClientReply): void => {
    for (const answer of asked.values()) answer(reply);
    asked.clear();
  };

  const fail = (error: CodedError): void => {
    if (ended === 'closed' || ended === 'failed') return;
    ended = 'failed';
    driver.stop();
    refuseAll(UNAVAILABLE);
    ports.closeAllLinks(1012, 'restart');
    ports.log.fatal({ event: 'coordinator.failed', code: error.code, details: error.details }, error.message);
    failed.reject(error);
  };

  const halt = (code: string, message: string): void => {
    if (code !== 'STORE_FULL') return fail(new CodedError(code, message, { details: { exitCode: EXIT_CODES[code] ?? 75 } }));
    if (ended) return;
    ended = 'storage_full';
    driver.stop();
    refuseAll(STORAGE_FULL);
    ports.closeAllLinks(1013, 'storage full');
    ports.log.error({ event: 'coordinator.storageFull' }, message);
    waitForSpace();
  };

  /** A full disk committed nothing and left the store whole: the same committer serves the next node. */
  const waitForSpace = (): void => {
    const delay = durationMs(Math.min(SPACE_RETRY_MAX_MS, SPACE_RETRY_MS * 2 ** Math.min(fullInARow, 10)));
    fullInARow += 1;
    nodeTimers.set(delay, () => {
      if (ended !== 'storage_full') return;
      ended = undefined;
      begin();
    });
  };

  const commit = (effect: Extract<CoordinatorEffect, { kind: 'commit' }>, ofLife: number): void => {
    const from = nodeClock.mono();
    ports.committer
      .commit(effect.ops)
      .then(
        (verdicts) => {
          if (ofLife !== life) return;
          ports.committed(effect.ops, verdicts, (nodeClock.mono() - from) / 1000);
          assert(verdicts.length === effect.ops.length, 'one verdict per op', { ops: effect.ops.length, verdicts: verdicts.length });
          fullInARow = 0;
          commits += 1;
          driver.offer({ kind: 'committed', batch: effect.batch, verdicts });
        },
        (error: unknown) => {
          if (ofLife !== life) return;
          const coded = asCoded(error);
          ports.log.error({ event: 'commit.failed', code: coded.code, batch: effect.batch }, coded.message);
          driver.offer({ kind: 'commitFailed', batch: effect.batch, code: coded.code, message: coded.message });
        },
      )
      .catch((error: unknown) => fail(asCoded(error)));
  };

  const perform = (effect: CoordinatorEffect, ofLife: number): void => {
    switch (effect.kind) {
      case 'commit':
        return commit(effect, ofLife);
      case 'transmit':
        return ports.transmit(effect.link, effect.text);
      case 'closeLink':
        return ports.closeLink(effect.link, effect.code, effect.reason);
      case 'reply': {
        const answer = asked.get(effect.token);
        asked.delete(effect.token);
        return answer?.(effect.reply);
      }
      case 'publish':
        return ports.publish(effect.id, effect.event);
      case 'note':
        ports.log[effect.level]({ event: effect.event, ...effect.details });
        return ports.noted(effect.event, effect.details);
      case 'drained':
        return drained.resolve();
      case 'halted':
        return halt(effect.code, effect.message);
    }
  };

  const begin = (): void => {
    const ofLife = ++life;
    node = createCoordinatorNode(options, { packer: nodePacker });
    driver = drive<CoordinatorInput, CoordinatorEffect>(node, {
      clock: nodeClock,
      timers: nodeTimers,
      perform: (effect) => perform(effect, ofLife),
      crashed: (error) => fail(asCoded(error)),
      stalled: (by) => ({ kind: 'stalled', by }),
      turnEnded: ports.flushLinks,
    });
    driver.offer({ kind: 'booted', wall: nodeClock.wall() });
  };

  begin();
  return {
    offer: (input) => {
      if (ended === undefined) driver.offer(input);
    },
    ask: (principal, request) => {
      if (ended !== undefined) return Promise.resolve(ended === 'storage_full' ? STORAGE_FULL : UNAVAILABLE);
      if (asked.size >= ASKED_MAX) return Promise.resolve(BUSY);
      return new Promise((answer) => {
        const token = nextToken++;
        asked.set(token, answer);
        driver.offer({ kind: 'requested', token, principal, request });
      });
    },
    get state(): HostState {
      if (ended !== undefined) return ended;
      const now = nodeClock.mono();
      if (seen.state !== 'running' || seen.life !== life || now - seen.at > STATE_KEPT_MS) {
        const { state } = node.snapshot();
        seen = { life, at: now, state: state === 'new' || state === 'halted' ? 'starting' : state };
      }
      return seen.state;
    },
    drain: (reason) => {
      if (ended !== undefined) drained.resolve();
      else driver.offer({ kind: 'drainAsked', reason });
      return drained.promise;
    },
    stop: () => {
      if (ended === undefined || ended === 'storage_full') ended = 'closed';
      life += 1;
      driver.stop();
      refuseAll(UNAVAILABLE);
      drained.resolve();
    },
    fail,
    get commits() {
      return commits;
    },
    failed: failed.promise,
  };
}

const asCoded = (error: unknown): CodedError => {
  if (error instanceof CodedError) return withExitCode(error);
  const code = (error as { code?: unknown } | null)?.code;
  return new CodedError(typeof code === 'string' ? code : 'COORDINATOR_CRASHED', errorText(error), {
    cause: error,
    details: { exitCode: 75 },
  });
};

const withExitCode = (error: CodedError): CodedError =>
  error.details['exitCode'] === undefined
    ? new CodedError(error.code, error.message, {
        ...error,
        cause: error,
        details: { ...error.details, exitCode: EXIT_CODES[error.code] ?? 75 },
      })
    : error;

/** Exit codes of what ends a coordinator; 75 (the store is in doubt, or a peer holds it) for all others. */
const EXIT_CODES: Readonly<Record<string, number>> = { STORE_TOO_NEW: 78, STORE_CORRUPT: 78, STORE_UNSAFE: 78 };
const UNAVAILABLE: ClientReply = { ok: false, status: 503, code: 'not_ready', message: 'the coordinator is restarting' };
const STORAGE_FULL: ClientReply = {
  ok: false,
  status: 507,
  code: 'storage_full',
  message: 'the coordinator has no disk space; nothing was accepted',
};
const BUSY: ClientReply = { ok: false, status: 429, code: 'rate_limited', message: 'too many requests wait for an answer' };
const ASKED_MAX = 4096;
/** A snapshot costs more the larger the fleet, and anybody may ask `/readyz`. */
const STATE_KEPT_MS = 250;
const SPACE_RETRY_MS = 500;
const SPACE_RETRY_MAX_MS = 5000;
