/** A worker as a process: one life after another under one id, each with its own incarnation, executor and wires. */
import { createRandom, drive, type Driver, type Random } from '@holdfast/kernel';
import { nodeMac } from '@holdfast/kernel/node';
import { type AttemptOrder, type AttemptResult, incarnation, type LeaseKey, leaseText, workerId } from '@holdfast/model';
import { type CoordinatorFrame, coordinatorFrame, decodeFrame } from '@holdfast/protocol';
import { seededEntropy } from '@holdfast/testkit';
import { createWorkerNode, type WorkerEffect, type WorkerInput, type WorkerNode } from '@holdfast/worker-core';
import { CREDENTIAL } from './credentials.ts';
import { createFakeExecutor, type FakeExecutor } from './fake-executor.ts';
import type { LinkEnd, Wire } from './network.ts';
import type { SimulationOptions } from './options.ts';
import { createLocalTime, type LocalTime, type VirtualTime } from './virtual-time.ts';
import { createWorkerDisk, openSimulatedSpool, type SimulatedSpool, type SpoolDiskOfWorker } from './worker-spool.ts';

export interface WorkerPorts {
  readonly time: VirtualTime;
  readonly random: Random;
  /** Decides how attempts end; the same for all workers. */
  readonly attempts: Random;
  tell(what: string): void;
  /** Opens a wire; answers later, with undefined when the dial failed. Never answers when the packets go nowhere. */
  dial(end: LinkEnd, answer: (wire: Wire | undefined) => void): void;
  started(order: AttemptOrder, incarnation: string): void;
  stopped(lease: LeaseKey, incarnation: string): void;
  ended(lease: LeaseKey, result: AttemptResult): void;
  checkpointSettled(lease: LeaseKey, seq: number): void;
  /** The spool has taken this result, or gives it up. */
  spooled(key: string, taken: boolean): void;
  /** A new life has found these keys. */
  spoolRead(keys: readonly string[]): void;
  crashed(error: unknown): void;
  /** The process ended by itself; `code` as the node said. */
  left(code: number): void;
}

export interface WorkerProcess {
  readonly id: string;
  start(): void;
  /** Kills the process and all its attempts. Returns the incarnation that died. */
  crash(quiet: boolean): string | undefined;
  offer(input: WorkerInput): void;
  stall(by: number): void;
  /** Wires of the present life. */
  wires(): readonly Wire[];
  /** Outlives every life. */
  readonly spool: SpoolDiskOfWorker;
  readonly up: boolean;
  readonly incarnation: string;
  readonly node: WorkerNode | undefined;
}

interface Life {
  readonly incarnation: string;
  readonly node: WorkerNode;
  readonly driver: Driver<WorkerInput>;
  readonly local: LocalTime;
  readonly executor: FakeExecutor;
  readonly spool: SimulatedSpool;
  readonly wires: Map<number, Wire>;
}

export function createWorkerProcess(id: string, slots: number, options: SimulationOptions, ports: WorkerPorts): WorkerProcess {
  const { time } = ports;
  let current: Life | undefined;
  let lives = 0;
  const spoolDisk = createWorkerDisk();

  function start(): void {
    if (current) return;
    lives += 1;
    const name = `${id}#${lives}`;
    const random = createRandom(`${String(ports.random.fork(name).below(0x7fffffff))}`);
    const local = createLocalTime(
      time,
      random.fork('clock').below(1_000_000),
      1 + (random.fork('rate').float() * 2 - 1) * options.rateError,
    );
    ports.spoolRead(spoolDisk.keys());
    let running: Driver<WorkerInput> | undefined;
    const spool = openSimulatedSpool(spoolDisk.disk, local, time, random.fork('spool'), () => running);
    const registration = { name: id, slots, labels: {}, pid: lives };
    const node = createWorkerNode(
      { id: workerId(id), incarnation: incarnation(name), registration, credential: CREDENTIAL, recovered: spool.recovered },
      { random: random.fork('node'), entropy: seededEntropy(random.fork('nonces')), mac: nodeMac },
    );
    const driver: Driver<WorkerInput> = drive<WorkerInput, WorkerEffect>(node, {
      clock: local.clock,
      timers: local.timers,
      perform: (effect) => perform(self, effect),
      turnEnded: () => spool.flush(),
      crashed: ports.crashed,
      stalled: (by) => ({ kind: 'stalled', by }),
    });
    const executor = createFakeExecutor({
      time,
      random: ports.attempts,
      taskMsMax: options.taskMsMax,
      sizes: options.sizes,
      killMsMax: Math.floor(options.leaseTtlMs * 0.05) - 1,
      report: (event) => driver.offer({ kind: 'attempted', event }),
      started: (order) => ports.started(order, name),
      stopped: (lease) => ports.stopped(lease, name),
      ended: ports.ended,
    });
    const self: Life = { incarnation: name, node, driver, local, executor, spool, wires: new Map() };
    current = self;
    running = driver;
    ports.tell(`worker ${name} begins`);
    driver.offer({ kind: 'started' });
  }

  function end(self: Life, quiet: boolean): void {
    current = undefined;
    self.driver.stop();
    self.executor.die();
    self.spool.close();
    spoolDisk.disk.processDied();
    for (const wire of self.wires.values()) wire.abandon('up', quiet);
  }

  function dial(self: Life, link: number): void {
    const linkEnd: LinkEnd = {
      frame(text) {
        if (current !== self) return;
        const frame = decodeFrame<CoordinatorFrame>(text, coordinatorFrame);
        if (frame.ok) self.driver.offer({ kind: 'frameReceived', link, frame: frame.value });
        else self.driver.offer({ kind: 'rubbishReceived', link, reason: frame.problem });
      },
      closed(code, reason) {
        self.wires.delete(link);
        if (current === self) self.driver.offer({ kind: 'linkClosed', link, code, reason });
      },
    };
    ports.dial(linkEnd, (wire) => {
      if (current !== self) return wire?.abandon('up', false);
      if (!wire) return self.driver.offer({ kind: 'dialFailed', link, reason: 'refused', terminal: false });
      self.wires.set(link, wire);
      self.driver.offer({ kind: 'linkOpened', link });
    });
  }

  function perform(self: Life, effect: WorkerEffect): void {
    if (current !== self) return;
    switch (effect.kind) {
      case 'dial':
        return dial(self, effect.link);
      case 'transmit':
        self.spool.flush();
        return self.wires.get(effect.link)?.send('up', effect.text);
      case 'sealLink':
        throw new Error('no link is exposed here');
      case 'closeLink': {
        const wire = self.wires.get(effect.link);
        self.wires.delete(effect.link);
        return wire?.close('up', effect.code, effect.reason);
      }
      case 'start':
        ports.tell(`starts ${leaseText(effect.order)} on slot ${effect.slot}`);
        return self.executor.start(effect.order);
      case 'stop':
        ports.tell(`stops ${leaseText(effect.lease)}`);
        return self.executor.stop(effect.lease);
      case 'pause':
        return self.executor.pause(effect.lease, effect.paused);
      case 'spool':
      case 'unspool':
        if (!effect.key.includes('/')) ports.spooled(effect.key, effect.kind === 'spool');
        return self.spool.perform(effect);
      case 'connectionChanged':
        return self.spool.perform(effect);
      case 'roundTrip':
        return;
      case 'checkpointSettled':
        return ports.checkpointSettled(effect.lease, effect.seq);
      case 'forgetRun':
        return;
      case 'note':
        return ports.tell(`${effect.event} ${JSON.stringify(effect.details)}`);
      case 'ended':
        ports.tell(`worker ${self.incarnation} ended: ${effect.code} ${effect.reason}`);
        // The socket is flushed before the process exits.
        return void time.after(1, () => {
          if (current !== self) return;
          end(self, false);
          ports.left(effect.code);
        });
    }
  }

  return {
    id,
    start,
    crash(quiet) {
      const self = current;
      if (self) end(self, quiet);
      return self?.incarnation;
    },
    offer: (input) => current?.driver.offer(input),
    stall: (by) => current?.local.stall(by),
    spool: spoolDisk,
    wires: () => [...(current?.wires.values() ?? [])],
    get up() {
      return current !== undefined;
    },
    get incarnation() {
      return current?.incarnation ?? '';
    },
    get node() {
      return current?.node;
    },
  };
}
