/** What a token allows. */

/** Every scope, in the order people read them. */
export const SCOPES = ['submit', 'read', 'cancel', 'worker:register', 'artifact:read', 'artifact:write', 'diag:read', 'admin'] as const;

/**
 * `submit` accepts runs and tasks; `read` sees runs, results and events; `cancel` stops, pauses and resumes them;
 * `worker:register` opens worker links; `artifact:read` and `artifact:write` move files; `diag:read` sees metrics;
 * `admin` is all of these, and manages tokens.
 */
export type Scope = (typeof SCOPES)[number];

/** Tells whether `held` covers `needed`. `admin` covers everything. */
export const covers = (held: readonly Scope[], needed: Scope): boolean => held.includes(needed) || held.includes('admin');

/** Reads a scope's name. Returns undefined for anything else. */
export const parseScope = (text: string): Scope | undefined => SCOPES.find((scope) => scope === text);
