/** Sends each op to the module that owns its prefix. Used by every adapter, so that all of them refuse the same strangers. */
import { CodedError, errorText } from '@holdfast/kernel';
import type { Op, StoreModule, Verdict } from './port.ts';

/** Applies one op; `check` throws `STORE_UNKNOWN_OP` before anything of a batch was applied. */
export interface Dispatch {
  check(ops: readonly Op[]): void;
  apply(op: Op): Verdict;
}

/** Opens all modules over one transaction object. Errors: `STORE_DUPLICATE_MODULE`. */
export function createDispatch<Tx>(modules: readonly StoreModule<Tx>[], tx: Tx): Dispatch {
  const appliers = new Map<string, (op: Op) => Verdict>();
  for (const module of modules) {
    if (appliers.has(module.name)) {
      throw new CodedError('STORE_DUPLICATE_MODULE', `register the store module ${module.name} twice`, {
        details: { module: module.name },
      });
    }
    appliers.set(module.name, module.open(tx));
  }
  /** By whole name: there are few, and each is looked up for every op of it. */
  const byName = new Map<string, (op: Op) => Verdict>();
  const applierOf = (op: Op): ((op: Op) => Verdict) | undefined => {
    const known = byName.get(op.op);
    if (known) return known;
    const found = appliers.get(op.op.slice(0, Math.max(0, op.op.indexOf('.'))));
    if (found && byName.size < NAMES_MAX) byName.set(op.op, found);
    return found;
  };
  return {
    check(ops) {
      for (const op of ops) {
        if (!applierOf(op)) throw new CodedError('STORE_UNKNOWN_OP', `find the store module of ${op.op}`, { details: { op: op.op } });
      }
    },
    apply: (op) => applierOf(op)!(op),
  };
}

const NAMES_MAX = 1000;

/** What a caller learns when a batch's outcome is unknown (M4). */
export function inDoubt(cause: unknown): CodedError {
  return new CodedError('STORE_IN_DOUBT', `learn whether a batch was committed: ${errorText(cause)}`, { cause });
}
