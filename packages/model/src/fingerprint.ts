/**
 * What state of a repository a worker would run: a run on another state is refused with the difference named.
 */
export interface Fingerprint {
  /** Identity of the repository: its origin's URL without credentials, or the folder's name. */
  readonly repository: string;
  /** Commit, or `none`. */
  readonly commit: string;
  /** SHA-256 (first 16 hex digits) over uncommitted changes; `clean` when there are none. */
  readonly dirty: string;
  /** SHA-256 (first 16 hex digits) of the lock file; `none` when there is none. */
  readonly lockfile: string;
  /** `linux-x64`. Told apart, never a reason to refuse. */
  readonly platform: string;
  /** Node version. Told apart, never a reason to refuse. */
  readonly node: string;
}

/** The parts that decide whether two checkouts run the same code. */
export const CODE_FIELDS = ['repository', 'commit', 'dirty', 'lockfile'] as const;

/** What decides whether two checkouts run the same code. */
export type CodeState = Pick<Fingerprint, (typeof CODE_FIELDS)[number]>;

/** The class of workers that may run a state: equal text, same code. */
export const fingerprintClass = (print: CodeState): string => CODE_FIELDS.map((field) => print[field]).join(' ');

/** The state that a class stands for. Only the repository may hold spaces. */
export function fingerprintOfClass(text: string): CodeState {
  const parts = text.split(' ');
  const [commit = '', dirty = '', lockfile = ''] = parts.splice(-3);
  return { repository: parts.join(' '), commit, dirty, lockfile };
}

/** One sentence per differing field, empty when both run the same code. */
export function fingerprintDifferences(wanted: CodeState, found: CodeState): string[] {
  return CODE_FIELDS.filter((field) => wanted[field] !== found[field]).map(
    (field) => `${field}: the run has ${wanted[field]}, the worker has ${found[field]}`,
  );
}
