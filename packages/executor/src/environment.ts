/**
 * The environment of an attempt: what the worker lets through, then the run's variables, then the task's, then Holdfast's own.
 *
 * E1 Variables of the worker that its policy does not name never reach a task: credentials stay with the worker.
 * E2 A variable that changes how programs load is refused unless the policy names it, or it has the worker's own value.
 */
import { bad, ok, type Result } from '@holdfast/kernel';
import type { RunSpec } from '@holdfast/model';
import type { WorkerPolicy } from './executor.ts';

export type Environment = Readonly<Record<string, string>>;

/** What the environment of one process is made of. Later parts win; `own` is Holdfast's and cannot be set by a task. */
export interface EnvironmentParts {
  readonly worker: Readonly<Record<string, string | undefined>>;
  readonly policy: WorkerPolicy;
  readonly run?: Environment | undefined;
  readonly task?: Environment | undefined;
  readonly own: Environment;
}

/** Builds the whole environment of a process. The problem is a sentence that names the variable, without its value. */
export function buildEnvironment(parts: EnvironmentParts): Result<Environment, string> {
  const allowed = (name: string): boolean => (parts.policy.environment ?? []).some((pattern) => matches(pattern, name));
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(parts.worker)) {
    if (value !== undefined && !name.startsWith(OWN_PREFIX) && (INHERITED.has(name) || allowed(name))) env[name] = value;
  }
  for (const given of [parts.run, parts.task]) {
    for (const [name, value] of Object.entries(given ?? {})) {
      if (!/^[^=\0]+$/.test(name)) return bad(`the name of the variable ${JSON.stringify(name)} is malformed`);
      if (typeof value !== 'string' || value.includes('\0')) return bad(`the value of the variable ${name} is malformed`);
      if (name.startsWith(OWN_PREFIX)) return bad(`the variable ${name} is reserved`);
      if (changesLoading(name) && env[name] !== value && !allowed(name)) {
        return bad(`the variable ${name} changes how programs load and the worker does not allow it`);
      }
      env[name] = value;
    }
  }
  return ok({ ...env, ...parts.own });
}

/** The values to mask in what an attempt prints: those of the variables that the run names, and of those whose name says so. */
export function secretValues(spec: RunSpec, env: Environment): string[] {
  const named = new Set(spec.secrets ?? []);
  return Object.entries(env)
    .filter(
      ([name, value]) => !name.startsWith(OWN_PREFIX) && (named.has(name) ? value !== '' : value.length >= 6 && SECRET_NAME.test(name)),
    )
    .map(([, value]) => value);
}

/** Whether a variable makes programs load other code than they would. */
function changesLoading(name: string): boolean {
  return LOADING.test(name);
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

const OWN_PREFIX = 'HOLDFAST_';
const SECRET_NAME = /TOKEN|SECRET|PASSWORD|KEY/i;
const INHERITED = new Set([
  ...['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'USER', 'SHELL', 'TERM', 'CI', 'NODE_ENV', 'NO_COLOR', 'FORCE_COLOR'],
  // Without these no program starts on Windows.
  ...(process.platform === 'win32' ? ['Path', 'SystemRoot', 'ComSpec', 'PATHEXT', 'TEMP', 'TMP', 'USERPROFILE'] : []),
]);
const LOADING = new RegExp(
  `^(?:${[
    'PATH|IFS|ENV|PS4|SHELLOPTS|BASHOPTS|BASH_ENV|BASH_FUNC_.*|PROMPT_COMMAND|GCONV_PATH|LOCPATH',
    'LD_.*|DYLD_.*|GLIBC_TUNABLES',
    'NODE_OPTIONS|NODE_PATH|NODE_REPL_EXTERNAL_MODULE|npm_config_.*',
    'PYTHONPATH|PYTHONHOME|PYTHONSTARTUP|PERL5LIB|PERL5OPT|RUBYLIB|RUBYOPT',
    'JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH',
    'GIT_SSH|GIT_SSH_COMMAND|GIT_EXEC_PATH|GIT_EXTERNAL_DIFF|GIT_PROXY_COMMAND|GIT_ASKPASS|GIT_CONFIG.*|SSH_ASKPASS',
  ].join('|')})$`,
  'i',
);
