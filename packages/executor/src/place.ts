/** Decides where and with what an attempt works: its run's folder, its environment, its marker, its secrets. */
import { randomBytes } from 'node:crypto';
import { bad, errorText, ok, type Result } from '@holdfast/kernel';
import type { AttemptOrder, SuiteSpec } from '@holdfast/model';
import type { HostProgram } from '@holdfast/test-adapters/host';
import type { Surroundings } from './attempt.ts';
import { buildEnvironment, type Environment, secretValues } from './environment.ts';
import type { RunContext } from './executor.ts';
import { resolveFolder } from './folders.ts';
import { maskPatterns, type Pattern } from './mask.ts';
import type { AttemptScratch } from './scratch.ts';
import { MARKER } from './sweep.ts';

/** Where and with what one attempt works. */
export interface Place {
  readonly run: RunContext;
  /** Folder of the run, resolved and allowed. */
  readonly folder: string;
  readonly env: Environment;
  readonly marker: string;
  readonly slot: number;
  readonly secrets: readonly Pattern[];
  /** Where it leaves artifacts and checkpoints. Absent: what serves it outlives it, or it leaves nothing. */
  readonly scratch?: AttemptScratch;
  /** The warm host that a test task needs. */
  readonly host?: HostPlace;
}

/** Where and with what a warm host works. */
export interface HostPlace {
  readonly suite: SuiteSpec;
  readonly program: HostProgram;
  readonly folder: string;
  readonly env: Environment;
  readonly slot: number;
  /** Equal texts: the same host can serve. */
  readonly key: string;
}

export interface Places {
  /** The problem is the reason of an attempt that cannot start. */
  ofAttempt(order: AttemptOrder, run: RunContext, slot: number): Result<Place, string>;
  ofHost(suite: SuiteSpec, run: { readonly cwd: string; readonly env: Environment }, slot: number): Result<HostPlace, string>;
}

/** Makes the places of a worker with the given root and environment. */
export function createPlaces(root: string, worker: Readonly<Record<string, string | undefined>>, around: Surroundings): Places {
  const environment = (run: Environment | undefined, task: Environment | undefined, own: Environment): Result<Environment, string> => {
    const built = buildEnvironment({ worker, policy: around.policy, run, task, own });
    return built.ok ? built : bad(`policy_denied: ${built.problem}`);
  };
  const ofHost: Places['ofHost'] = (suite, run, slot) => {
    const folder = resolveFolder(root, run.cwd, around.folders);
    if (!folder.ok) return folder;
    const env = environment(run.env, undefined, {
      HOLDFAST_SLOT: String(slot),
      HOLDFAST_ARTIFACTS_DIR: around.scratch.ofSlot(slot),
    });
    if (!env.ok) return env;
    const key = JSON.stringify([suite.adapter, suite.args, suite.options ?? {}, folder.value, Object.entries(env.value).sort()]);
    try {
      return ok({ suite, program: around.hostProgram(suite.adapter), folder: folder.value, env: env.value, slot, key });
    } catch (error) {
      return bad(`failed to ${errorText(error)}`);
    }
  };

  return {
    ofHost,
    ofAttempt(order, run, slot) {
      const { spec } = run;
      const task = `${run.id}.${order.n}`;
      const marker = `${task}.${order.epoch}`;
      if (order.body.kind === 'noop') return ok({ run, folder: root, env: {}, marker, slot, secrets: [] });
      const folder = resolveFolder(root, spec.cwd, around.folders);
      if (!folder.ok) return folder;
      const scratch = order.body.kind === 'test' ? undefined : around.scratch.ofAttempt(marker);
      const env = environment(spec.env, order.body.kind === 'command' ? order.body.env : undefined, {
        HOLDFAST_RUN: run.id,
        HOLDFAST_TASK: task,
        [MARKER]: marker,
        HOLDFAST_FENCING_TOKEN: `${task}:${order.epoch}`,
        HOLDFAST_SLOT: String(slot),
        ...(scratch ? { HOLDFAST_ARTIFACTS_DIR: scratch.artifacts } : {}),
        ...(scratch && order.body.kind === 'command' ? { HOLDFAST_CHECKPOINT_DIR: scratch.checkpoints } : {}),
      });
      if (!env.ok) return env;
      const place = { run, folder: folder.value, env: env.value, marker, slot, secrets: maskPatterns(secretValues(spec, env.value)) };
      if (scratch) return ok({ ...place, scratch });
      if (!spec.suite) return bad('the run names no test suite');
      const host = ofHost(spec.suite, { cwd: folder.value, env: spec.env ?? {} }, slot);
      return host.ok ? ok({ ...place, host: host.value }) : host;
    },
  };
}

/** A marker for a process that serves many attempts. */
export const hostMarker = (): string => `host.${randomBytes(16).toString('hex')}`;
