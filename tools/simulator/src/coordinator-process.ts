/**
 * The coordinator as a process: lives on one store, dies at any point of a commit, and begins anew on what the store kept.
 *
 * P1 A batch reaches the store some time after it was asked for, and its verdicts come back some time later. A crash in between
 *    loses the batch or only the news of it. A full disk keeps nothing of it and says so.
 * P2 A request whose process died before the reply has an unknown outcome.
 */
import type { Op, Verdict } from '@holdfast/committer';
import {
  type ClientReply,
  type ClientRequest,
  type CoordinatorEffect,
  type CoordinatorInput,
  type CoordinatorNode,
  createCoordinatorNode,
} from '@holdfast/coordinator-core';
import { drive, type Driver, monoMs, type Random } from '@holdfast/kernel';
import { nodeMac } from '@holdfast/kernel/node';
import { incarnation as life, type LeaseKey, workerId } from '@holdfast/model';
import { decodeFrame, type Hello, type WorkerFrame, workerFrame } from '@holdfast/protocol';
import { createGate, type GateEffect } from '@holdfast/reconnection-core';
import { seededEntropy } from '@holdfast/testkit';
import type { MemoryStore } from '@holdfast/task-store/memory';
import { keysOfWorkers } from './credentials.ts';
import { exponential, type LinkEnd, type Wire } from './network.ts';
import type { SimulationOptions } from './options.ts';
import { createLocalTime, type LocalTime, type VirtualTime } from './virtual-time.ts';

export interface CoordinatorPorts {
  readonly time: VirtualTime;
  readonly store: MemoryStore;
  readonly random: Random;
  tell(what: string): void;
  committed(op: Op, verdict: Verdict): void;
  /** This life was told that a commit failed: nothing may leave it any more (G18). */
  commitFailed(): void;
  /** A life begins. */
  began(): void;
  crashed(error: unknown): void;
  /** The process is gone; `planned`: it ended in order. */
  gone(planned: boolean): void;
}

export interface CoordinatorProcess {
  start(): void;
  /** Kills it. `quiet`: its peers are not told, as when its machine loses power. */
  crash(quiet: boolean): void;
  drain(): void;
  stall(by: number): void;
  /** What the disk is like for the next `forMs`. */
  diskIs(what: 'full' | 'slow', forMs: number): void;
  /** A new wire from a worker, or undefined when nobody listens. */
  accept(open: (end: LinkEnd) => Wire): Wire | undefined;
  /** Calls `answer` with undefined when the outcome is unknown. False: nobody listens. */
  ask(request: ClientRequest, answer: (reply: ClientReply | undefined) => void): boolean;
  /** `principal`: who says so; absent: the host itself. */
  deathReported(worker: string, incarnation: string, kept: readonly LeaseKey[], principal?: string): void;
  /** A link past the network that says these words and hears nothing. Returns a way to say more. */
  intrude(principal: string, first: Hello): (frame: WorkerFrame) => void;
  heal(): void;
  readonly up: boolean;
  readonly node: CoordinatorNode | undefined;
}

interface Life {
  readonly driver: Driver<CoordinatorInput>;
  readonly node: CoordinatorNode;
  readonly local: LocalTime;
  readonly wires: Map<number, Wire>;
  readonly asked: Map<number, (reply: ClientReply | undefined) => void>;
}

export function createCoordinatorProcess(options: SimulationOptions, ports: CoordinatorPorts): CoordinatorProcess {
  const { time, store } = ports;
  const commits = ports.random.fork('commits');
  const accidents = ports.random.fork('accidents');
  const clocks = ports.random.fork('clocks');
  const repeats = ports.random.fork('repeats');
  const disk = { full: 0, slow: 0 };
  /** Ops on leases that were decided, latest last. */
  const decided: Op[] = [];
  const entropy = seededEntropy(ports.random.fork('nonces'));
  let current: Life | undefined;
  let lives = 0;
  let links = 0;
  let tokens = 0;
  let healed = false;

  function start(): void {
    if (current) return;
    lives += 1;
    const local = createLocalTime(time, clocks.below(1_000_000), 1 + (clocks.float() * 2 - 1) * options.rateError);
    const node = createCoordinatorNode({
      id: 'c',
      heartbeatEveryMs: options.heartbeatEveryMs,
      leaseTtlMs: options.leaseTtlMs,
      lostAfterMs: options.lostAfterMs,
      resumeWindowMs: options.resumeWindowMs,
      batchMax: options.batchMax,
      queuedMax: 100_000,
      beatEveryMs: 0,
    });
    const wires = new Map<number, Wire>();
    const asked: Life['asked'] = new Map();
    const driver: Driver<CoordinatorInput> = drive<CoordinatorInput, CoordinatorEffect>(node, {
      clock: local.clock,
      timers: local.timers,
      perform: (effect) => perform(self, effect),
      crashed: ports.crashed,
      stalled: (by) => ({ kind: 'stalled', by }),
    });
    const self: Life = { driver, node, local, wires, asked };
    current = self;
    ports.began();
    ports.tell(`coordinator life ${lives} begins`);
    driver.offer({ kind: 'booted', wall: local.clock.wall() });
  }

  function end(self: Life, quiet: boolean, planned: boolean): void {
    if (current !== self) return;
    current = undefined;
    self.driver.stop();
    for (const wire of self.wires.values()) wire.abandon('down', quiet);
    const waiting = [...self.asked.values()];
    self.asked.clear();
    for (const answer of waiting) answer(undefined);
    ports.gone(planned);
  }

  function perform(self: Life, effect: CoordinatorEffect): void {
    if (current !== self) return;
    switch (effect.kind) {
      case 'commit':
        ports.tell(`commit ${effect.batch}: ${effect.ops.map((op) => digest(op)).join(', ')}`);
        return commit(self, effect.batch, effect.ops);
      case 'transmit':
        return self.wires.get(effect.link)?.send('down', effect.text);
      case 'closeLink': {
        ports.tell(`closes link ${effect.link} with ${effect.code} ${effect.reason}`);
        const wire = self.wires.get(effect.link);
        self.wires.delete(effect.link);
        return wire?.close('down', effect.code, effect.reason);
      }
      case 'reply': {
        const answer = self.asked.get(effect.token);
        if (!answer) throw new Error(`token ${effect.token} was answered twice, or never asked`);
        self.asked.delete(effect.token);
        return answer(effect.reply);
      }
      case 'publish':
        return;
      case 'note':
        return ports.tell(`${effect.event} ${JSON.stringify(effect.details)}`);
      case 'drained':
        ports.tell('drained');
        // The process ends once its sockets are flushed.
        return void time.after(1, () => end(self, false, true));
      case 'halted':
        ports.tell(`halted: ${effect.code} ${effect.message}`);
        return end(self, false, false);
    }
  }

  function commit(self: Life, batch: number, ops: readonly Op[]): void {
    const accident = healed ? 1 : accidents.float();
    const { crashAtCommit, commitFails } = options.faults;
    const crash = accident < crashAtCommit ? (accident < crashAtCommit / 2 ? 'before' : 'after') : undefined;
    const fails = crash === undefined && accident < crashAtCommit + commitFails;
    const applied = accidents.chance(0.5);
    const slow = !healed && time.now() < disk.slow ? repeats.below(5000) : 0;
    const there = slow + exponential(commits, healed ? Math.min(options.commitMs, 5) : options.commitMs);
    const back = exponential(commits, healed ? 1 : options.commitMs / 4);
    time.after(there, () => {
      if (current !== self) return;
      if (crash === 'before') return end(self, false, false);
      if (!healed && time.now() < disk.full) return failed(self, batch, back, 'STORE_FULL');
      if (fails && !applied) return failed(self, batch, back, 'STORE_IN_DOUBT');
      const verdicts = apply(ops);
      if (repeats.chance(healed ? 0 : options.faults.opRepeated)) apply(decided.length === 0 ? [] : [repeats.pick(decided)]);
      for (const op of ops) if (ON_LEASES.has(op.op)) decided.push(op);
      decided.splice(0, decided.length - DECIDED_MAX);
      if (crash === 'after') return end(self, false, false);
      if (fails) return failed(self, batch, back, 'STORE_IN_DOUBT');
      time.after(back, () => {
        if (current === self) self.driver.offer({ kind: 'committed', batch, verdicts });
      });
    });
  }

  /** What the store keeps is its own copy: nothing that memory holds may be changed through it. */
  function apply(ops: readonly Op[]): Verdict[] {
    const verdicts = store.committer.commit(ops);
    for (const [index, op] of ops.entries()) ports.committed(op, verdicts[index]!);
    return verdicts;
  }

  function failed(self: Life, batch: number, back: number, code: 'STORE_FULL' | 'STORE_IN_DOUBT'): void {
    time.after(back, () => {
      if (current !== self) return;
      ports.tell(`commit ${batch} failed with ${code}`);
      ports.commitFailed();
      self.driver.offer({ kind: 'commitFailed', batch, code, message: 'no answer' });
    });
  }

  return {
    start,
    crash(quiet) {
      if (current) end(current, quiet, false);
    },
    drain() {
      current?.driver.offer({ kind: 'drainAsked', reason: 'a new version' });
    },
    stall: (by) => current?.local.stall(by),
    diskIs(what, forMs) {
      ports.tell(`the disk is ${what} for ${forMs} ms`);
      disk[what] = time.now() + forMs;
    },
    accept(open) {
      const self = current;
      if (!self) return undefined;
      const link = ++links;
      const gate = createGate({}, { mac: nodeMac, entropy, find: keysOfWorkers }, monoMs(time.now()));
      let passed = false;
      const guard = (effects: readonly GateEffect[]): void => {
        for (const effect of effects) {
          if (effect.kind === 'transmit') wire.send('down', effect.text);
          else if (effect.kind === 'proven') {
            passed = true;
            const { hello, proof } = effect;
            self.driver.offer({ kind: 'linkOpened', link, principal: 'w', session: `s${link}`, token: `t${link}`, hello, proof });
          } else if (effect.kind === 'refused') wire.close('down', effect.code, effect.reason);
        }
      };
      const wire = open({
        frame(text) {
          if (current !== self) return;
          const frame = decodeFrame<WorkerFrame>(text, workerFrame);
          if (!passed)
            guard(
              gate.handle(
                frame.ok ? { kind: 'frameReceived', frame: frame.value, text } : { kind: 'rubbishReceived', reason: frame.problem },
                monoMs(time.now()),
              ),
            );
          else if (frame.ok) self.driver.offer({ kind: 'frameReceived', link, frame: frame.value });
          else self.driver.offer({ kind: 'rubbishReceived', link, reason: frame.problem });
        },
        closed(code, reason) {
          self.wires.delete(link);
          if (current === self && passed) self.driver.offer({ kind: 'linkClosed', link, reason: `${code} ${reason}` });
        },
      });
      self.wires.set(link, wire);
      // A stranger is shown the door in time, as by the shell's own timer.
      for (const by of [GATE_MS, 2 * GATE_MS]) time.after(by, () => current === self && guard(gate.tick(monoMs(time.now()))));
      return wire;
    },
    ask(request, answer) {
      const self = current;
      if (!self) return false;
      const token = ++tokens;
      self.asked.set(token, answer);
      self.driver.offer({ kind: 'requested', token, principal: 'p', request });
      return true;
    },
    deathReported(worker, incarnation, kept, principal) {
      const by = principal === undefined ? {} : { principal };
      const death = { worker: workerId(worker), incarnation: life(incarnation), reason: 'reaped', kept, ...by };
      current?.driver.offer({ kind: 'deathReported', ...death });
    },
    intrude(principal, first) {
      const self = current;
      const link = ++links;
      const say = (frame: WorkerFrame): void => {
        if (current === self) self?.driver.offer({ kind: 'frameReceived', link, frame });
      };
      // It has a valid token of its own: its proof is right.
      self?.driver.offer({ kind: 'linkOpened', link, principal, session: `s${link}`, token: `t${link}`, hello: first, proof: '' });
      time.after(INTRUDED_MS, () => {
        if (current === self) self?.driver.offer({ kind: 'linkClosed', link, reason: 'gone' });
      });
      return say;
    },
    heal() {
      healed = true;
    },
    get up() {
      return current !== undefined;
    },
    get node() {
      return current?.node;
    },
  };
}

const INTRUDED_MS = 5000;
const ON_LEASES: ReadonlySet<string> = new Set(['task.finished', 'checkpoint.save']);
const DECIDED_MAX = 64;
const GATE_MS = 5000;

/** An op for the story: its name and ids. */
export function digest(op: Op): string {
  const { run, n, epoch, worker, credits } = op as Op & Partial<Record<'run' | 'n' | 'epoch' | 'worker' | 'credits', unknown>>;
  const ids = [run, n, epoch].filter((id) => id !== undefined).join('.');
  return [op.op, ids, worker === undefined ? '' : `w${String(worker)}`, credits === undefined ? '' : `x${String(credits)}`]
    .filter((part) => part !== '')
    .join(' ');
}
