/**
 * What a connection has been like: counted from what really happened, over bounded histories.
 *
 * S1 Time is up or down from the first dial on; uptime runs while connected. One loss is one loss, however many dials follow (D17).
 * S2 Latency is a real round trip: of a beat to its answer, of a message from its offer to the peer's commit. Never a local write.
 * S3 Histories keep the last 1000 sizes and latencies and the last 100 reconnections and round trips; counters are exact.
 */
import type { MonoMs } from '@holdfast/kernel';

/** Of a bounded history, in milliseconds or bytes. All 0 while `count` is. */
export interface Distribution {
  /** Values that the history holds. */
  readonly count: number;
  readonly average: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export interface ConnectionSnapshot {
  readonly connected: boolean;
  readonly connection: {
    readonly uptimeMs: number;
    readonly downtimeMs: number;
    /** Share of the time since the first dial that it was connected, 0..1; 1 before. */
    readonly stability: number;
    /** Dials. */
    readonly attempts: number;
    /** Sessions opened, resumed ones included. */
    readonly successes: number;
    readonly failures: number;
    /** Successes of all attempts that have ended, 0..1; 1 before. */
    readonly successRate: number;
    /** Sessions opened after a loss. */
    readonly reconnections: number;
    /** From a loss to the next session, the last 100. */
    readonly reconnectionMs: Distribution;
    /** Of beats, the last 100. */
    readonly roundTripMs: Distribution;
  };
  readonly messages: {
    readonly sent: number;
    readonly received: number;
    /** Sent and received, a second, since the first dial. */
    readonly perSecond: number;
    /** From offer to commit, of messages with a key, the last 1000. */
    readonly latencyMs: Distribution;
    /** Encoded, both ways, the last 1000. */
    readonly bytes: Distribution;
  };
  readonly checkpoints: {
    readonly created: number;
    readonly restored: number;
    /** Restored of created, 0 while none was created. */
    readonly restorationRatio: number;
  };
}

/** Counts what happened to one connection. */
export class ConnectionStats {
  readonly #latencies = createHistory(1000);
  readonly #sizes = createHistory(1000);
  readonly #reconnections = createHistory(100);
  readonly #roundTrips = createHistory(100);
  #began: MonoMs | undefined;
  #connectedSince: MonoMs | undefined;
  #lostAt: MonoMs | undefined;
  #uptime = 0;
  #attempts = 0;
  #successes = 0;
  #failures = 0;
  #reconnected = 0;
  #sent = 0;
  #received = 0;
  #created = 0;
  #restored = 0;

  dialed(now: MonoMs): void {
    this.#began ??= now;
    this.#attempts += 1;
  }

  /** A session is open. */
  connected(now: MonoMs): void {
    if (this.#connectedSince !== undefined) return;
    this.#successes += 1;
    this.#connectedSince = now;
    if (this.#lostAt === undefined) return;
    this.#reconnected += 1;
    this.#reconnections.add(now - this.#lostAt);
    this.#lostAt = undefined;
  }

  /** The link is gone, or a dial failed. */
  down(now: MonoMs): void {
    if (this.#connectedSince === undefined) {
      this.#failures += 1;
      return;
    }
    this.#uptime += now - this.#connectedSince;
    this.#connectedSince = undefined;
    this.#lostAt = now;
  }

  /** A beat was answered after so many milliseconds. */
  beatAnswered(roundTripMs: number): void {
    this.#roundTrips.add(roundTripMs);
  }

  messageSent(bytes: number): void {
    this.#sent += 1;
    this.#sizes.add(bytes);
  }

  messageReceived(bytes: number): void {
    this.#received += 1;
    this.#sizes.add(bytes);
  }

  /** The peer has committed a message so many milliseconds after it was offered. */
  messageSettled(latencyMs: number): void {
    this.#latencies.add(latencyMs);
  }

  checkpointCreated(): void {
    this.#created += 1;
  }

  /** A task went on from a checkpoint. */
  checkpointRestored(): void {
    this.#restored += 1;
  }

  snapshot(now: MonoMs): ConnectionSnapshot {
    const total = this.#began === undefined ? 0 : now - this.#began;
    const uptimeMs = this.#uptime + (this.#connectedSince === undefined ? 0 : now - this.#connectedSince);
    const ended = this.#successes + this.#failures;
    const messages = this.#sent + this.#received;
    return {
      connected: this.#connectedSince !== undefined,
      connection: {
        uptimeMs,
        downtimeMs: Math.max(0, total - uptimeMs),
        stability: total === 0 ? 1 : Math.min(1, uptimeMs / total),
        attempts: this.#attempts,
        successes: this.#successes,
        failures: this.#failures,
        successRate: ended === 0 ? 1 : this.#successes / ended,
        reconnections: this.#reconnected,
        reconnectionMs: this.#reconnections.distribution(),
        roundTripMs: this.#roundTrips.distribution(),
      },
      messages: {
        sent: this.#sent,
        received: this.#received,
        perSecond: total === 0 ? 0 : (messages * 1000) / total,
        latencyMs: this.#latencies.distribution(),
        bytes: this.#sizes.distribution(),
      },
      checkpoints: {
        created: this.#created,
        restored: this.#restored,
        restorationRatio: this.#created === 0 ? 0 : this.#restored / this.#created,
      },
    };
  }
}

interface History {
  add(value: number): void;
  distribution(): Distribution;
}

/** The last `countMax` values; the oldest is overwritten. */
function createHistory(countMax: number): History {
  const values: number[] = [];
  let next = 0;
  return {
    add(value) {
      values[next] = value;
      next = (next + 1) % countMax;
    },
    distribution() {
      const sorted = values.toSorted((one, other) => one - other);
      const count = sorted.length;
      const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * count) - 1)] ?? 0;
      const sum = sorted.reduce((total, value) => total + value, 0);
      return { count, average: count === 0 ? 0 : sum / count, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1) ?? 0 };
    },
  };
}
