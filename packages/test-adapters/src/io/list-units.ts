/** Lists the units of a suite by asking a host of its own, and closes it. */
import { CodedError } from '@holdfast/kernel';
import type { SuiteSpec, TestUnit } from '@holdfast/model';
import type { HostEvent } from '../host-protocol.ts';
import { describeExit, type HostExit, openHost } from './host-client.ts';
import { hostProgram } from './project.ts';

export interface ListOptions {
  readonly suite: SuiteSpec;
  /** Absolute folder of the run: units are relative to it. */
  readonly cwd: string;
  /** The whole environment of the host. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends the host at once. */
  readonly signal?: AbortSignal;
  /** What the runner prints meanwhile. Default: dropped, but for the end of standard error in errors. */
  readonly output?: (stream: 'out' | 'err', chunk: Buffer) => void;
}

export interface Listing {
  readonly units: readonly TestUnit[];
  /** Name of the runner, `vitest`. */
  readonly runner: string;
  readonly version: string;
  /** Sentences for the user. */
  readonly notes: readonly string[];
  /** The project's own config calls an empty list a success. */
  readonly passWithNoTests: boolean;
  /** The project's own config wants one file at a time. */
  readonly serial: boolean;
}

/**
 * The units that a suite's arguments select, sorted by (project, pool, file).
 * Errors: ADAPTER_UNUSABLE (the runner cannot work here), ADAPTER_HOST_CRASHED (it died; retry may help), ADAPTER_ABORTED.
 */
export async function listUnits(options: ListOptions): Promise<Listing> {
  if (options.signal?.aborted) throw aborted(options);
  const heard: { ready?: Extract<HostEvent, { t: 'ready' }>; listed?: Extract<HostEvent, { t: 'listed' }>; unusable?: string } = {};
  const listed = Promise.withResolvers<void>();
  const host = openHost(
    { program: hostProgram(options.suite.adapter), cwd: options.cwd, env: options.env },
    {
      event(event) {
        if (event.t === 'ready') heard.ready = event;
        else if (event.t === 'unusable') heard.unusable = event.reason;
        else if (event.t === 'listed') {
          heard.listed = event;
          closing = closeWithin(host, CLOSE_MS);
          listed.resolve();
        }
      },
      ...(options.output ? { output: options.output } : {}),
    },
  );
  let closing: { cancel(): void } | undefined;
  const abort = (): void => host.kill('SIGKILL');
  options.signal?.addEventListener('abort', abort, { once: true });
  host.send({ t: 'open', cwd: options.cwd, suite: options.suite, slot: 0 });
  host.send({ t: 'list' });
  const exited = host.exited.then((exit) => {
    closing?.cancel();
    options.signal?.removeEventListener('abort', abort);
    return exit;
  });
  // Once the list is known, nobody need wait for the host to leave.
  await Promise.race([listed.promise, exited]);
  if (heard.ready && heard.listed) {
    const { units, notes = [], passWithNoTests = false, serial = false } = heard.listed;
    return { units, runner: heard.ready.runner, version: heard.ready.version, notes, passWithNoTests, serial };
  }
  throw listError(options, heard.unusable, await exited);
}

function listError(
  { suite, cwd, signal }: Pick<ListOptions, 'suite' | 'cwd' | 'signal'>,
  unusable: string | undefined,
  exit: HostExit,
): CodedError {
  if (signal?.aborted) return aborted({ suite, cwd, signal });
  if (unusable !== undefined) {
    return new CodedError('ADAPTER_UNUSABLE', `list the tests with ${suite.adapter}: ${unusable}`, { retryable: false, details: { cwd } });
  }
  return new CodedError('ADAPTER_HOST_CRASHED', `list the tests with ${suite.adapter}: ${describeExit(exit)}`, {
    retryable: true,
    details: { cwd, code: exit.code, signal: exit.signal },
  });
}

const aborted = ({ suite, cwd, signal }: Pick<ListOptions, 'suite' | 'cwd' | 'signal'>): CodedError =>
  new CodedError('ADAPTER_ABORTED', `list the tests with ${suite.adapter}: it was aborted`, {
    retryable: true,
    details: { cwd },
    cause: signal?.reason,
  });

/** Asks a host to close, and ends it by force if it has not within `ms`. */
function closeWithin(host: ReturnType<typeof openHost>, ms: number): { cancel(): void } {
  host.send({ t: 'close' });
  const timer = setTimeout(() => host.kill('SIGKILL'), ms);
  return { cancel: () => clearTimeout(timer) };
}

/** The list is known by then: a teardown that hangs must not hold it back for long. */
const CLOSE_MS = 5000;
