/** A worker as a process: settings in, exit code out. Decides nothing about the domain. */
import { readFileSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { WorkerSettings } from '@holdfast/config';
import { probeMachine } from '@holdfast/hardware-taxonomy/probe';
import { CodedError, errorText } from '@holdfast/kernel';
import { keptStoreMark, keptWorkerId, readFingerprint, readFingerprintAside, startWorker, type WorkerEnd } from '@holdfast/worker';
import { openProcessLog } from './process-log.ts';

export interface ServeWorkerIo {
  /** The worker's checkout is the repository around this folder. */
  readonly cwd: string;
  /** One line for people. */
  say(line: string): void;
}

/**
 * Works until a signal comes or dialling cannot help; resolves with the exit code: 0 after a goodbye, 77 when the
 * coordinator refuses the token, 69 when it refuses this worker for another reason.
 * Errors: `SETTING_INVALID` (2), `FILE_UNREADABLE`, `DATA_NOT_WRITABLE`, `CHECKOUT_UNREADABLE` (78), each with `details.exitCode`.
 */
export async function serveWorker(settings: WorkerSettings, io: ServeWorkerIo): Promise<number> {
  const url = required(settings.connect, '--connect URL', 'HOLDFAST_CONNECT');
  const urls = url.split(',').map((each) => each.trim());
  const given = settings.token ?? (settings.tokenFile === undefined ? undefined : readText(settings.tokenFile));
  const token = required(given?.trim(), '--token or --token-file', 'HOLDFAST_TOKEN');
  const tls = settings.tlsCa === undefined ? {} : { tls: { ca: readText(settings.tlsCa) } };
  const data = resolve(io.cwd, settings.data);
  // Before the log: it makes the folder.
  const id = keptWorkerId(data);
  const place = readFingerprint(io.cwd);
  const name = settings.name ?? hostname();
  const slots = settings.slots ?? availableParallelism();
  const { log, close } = openProcessLog(
    join(data, 'logs', `worker-${process.pid}.log`),
    settings.logLevel,
    settings.logLevel === 'debug' || settings.logLevel === 'trace',
  );
  const worker = startWorker({
    url: urls,
    token,
    ...tls,
    id,
    name,
    slots,
    labels: settings.labels ?? {},
    root: place.root,
    fingerprint: place.fingerprint,
    rereadFingerprint: () => readFingerprintAside(place.root),
    probeMachine: async () => {
      const { given, notes } = await probeMachine({ folder: place.root });
      for (const { fact, message } of notes) log('info', 'machine.unknown', { fact, message });
      // Free space moves all the time; whole GiB are enough to choose by, and seldom a change.
      const disk = Math.floor(Number(given.detected?.['disk'] ?? 0) / GIB) * GIB;
      return JSON.parse(JSON.stringify(disk > 0 ? { ...given, detected: { ...given.detected, disk } } : given)) as Record<string, never>;
    },
    spool: { folder: join(data, 'spool') },
    policy: definedFields(settings.policy ?? {}),
    // A coordinator with a data folder here has its own mark in it.
    storeMark: keptStoreMark(join(data, 'logs'), (error) => log('warn', 'storeMark.notKept', { error: errorText(error) })),
    log: (level, event, details) => {
      log(level, event, details);
      const words = NEWS[event]?.(details);
      if (words !== undefined) io.say(words);
    },
  });
  const { commit, dirty } = place.fingerprint;
  io.say(`worker ${name} with ${slots} slots for ${url}, checkout ${place.root} ${stateText(commit, dirty)}`);
  listenForSignals(worker, io);
  const tellStats = (): void => log('info', 'worker.stats', worker.stats() as never);
  const timer = setInterval(tellStats, STATS_EVERY_MS).unref();
  const end = await worker.ended;
  clearInterval(timer);
  tellStats();
  close();
  if (end.code !== 0) io.say(explain(end, url));
  return end.code === 0 ? 0 : UNAUTHORISED.has(end.code) ? 77 : 69;
}

function listenForSignals(worker: { drain(reason: string): void; stop(reason: string): void }, io: ServeWorkerIo): void {
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals += 1;
    if (signal === 'SIGTERM' && signals === 1) {
      io.say('SIGTERM: finishing what runs; a second signal gives it back');
      worker.drain(signal);
    } else {
      io.say(`${signal}: stopping what runs and giving it back`);
      worker.stop(signal);
    }
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

function explain(end: WorkerEnd, url: string): string {
  if (UNAUTHORISED.has(end.code))
    return `${url} refuses this token: ${end.reason}. Make one with: holdfast token create --scope worker:register`;
  if (end.code === 4426) return `${url} speaks another protocol version: ${end.reason}. Install the same version of holdfast on both sides`;
  if (end.code === 4409)
    return `another process took this worker's place: ${end.reason}. Give each process a data folder of its own (--data)`;
  return `${url} ended the session for good: ${end.reason} (code ${end.code})`;
}

function required(value: string | undefined, flag: string, variable: string): string {
  if (value !== undefined && value !== '') return value;
  throw new CodedError('SETTING_INVALID', `start a worker: ${flag} is missing (or ${variable})`, { details: { exitCode: 2 } });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CodedError('FILE_UNREADABLE', `read ${path}: ${errorText(error)}`, { cause: error, details: { exitCode: 78 } });
  }
}

/** Without the fields that nobody set. */
function definedFields<Fields extends object>(fields: Fields): { [Key in keyof Fields]?: NonNullable<Fields[Key]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

const stateText = (commit: string, dirty: string): string =>
  `${commit === 'none' ? 'without a commit' : `at ${commit.slice(0, 12)}`}${dirty === 'clean' ? '' : ` with changes ${dirty}`}`;

/** What the owner of a worker wants to hear of its session. Signals speak for themselves. */
const NEWS: Readonly<Record<string, (details: Readonly<Record<string, unknown>>) => string>> = {
  'session.opened': ({ reason }) =>
    reason === 'first' ? 'connected' : `connected in a new session (${String(reason)}); what runs here is kept if it is still wanted`,
  'checkout.changed': ({ commit, dirty }) =>
    `the checkout is now ${stateText(String(commit), String(dirty))}; runs of another state are given back`,
  'checkout.unreadable': ({ problem }) => `${String(problem)}; runs of a state of the repository are given back until it can be read`,
  'worker.localBegan': ({ replace, hedge, wait, results, firstStopInMs }) => {
    const held = Number(replace) + Number(hedge) + Number(wait);
    const stop = firstStopInMs === undefined ? '' : `, the first of them for ${(Number(firstStopInMs) / 1000).toFixed(0)} s at most`;
    return `works on alone: ${held} under way${held > 0 ? stop : ''}, ${String(results)} results kept until the coordinator is back`;
  },
  'worker.localEnded': ({ awayMs, leases }) =>
    `the coordinator is back after ${(Number(awayMs) / 1000).toFixed(1)} s; ${String(leases)} of what was held goes on`,
  'worker.spoolFull': ({ reason }) => `takes no more work: its results cannot be kept (${String(reason)})`,
  'worker.spoolHasRoom': () => 'takes work again: results can be kept',
  'spool.recovered': ({ leases }) => `${String(leases)} results or checkpoints of an earlier process were found and will be offered`,
  'spool.damaged': ({ corrupt, torn }) =>
    `${String(corrupt)} damaged and ${String(torn)} unfinished records were found in the spool and left out`,
  'session.resumed': () => 'connected again, without a gap',
  'session.lost': ({ reason, retryInMs }) =>
    `connection lost${reason === '' ? '' : `: ${String(reason)}`}; what runs goes on, dialling again in ${(Number(retryInMs) / 1000).toFixed(1)} s`,
};
const STATS_EVERY_MS = 60_000;
const GIB = 1024 ** 3;
const UNAUTHORISED: ReadonlySet<number> = new Set([4401, 4403]);
