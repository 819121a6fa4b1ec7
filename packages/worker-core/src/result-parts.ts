/** Cuts a result that is too large for one message into parts, without losing a case. */
import type { AttemptResult, CaseResult } from '@holdfast/model';

export interface CutResult {
  /** Cases of the parts, in order; the rest stays in `result`. */
  readonly parts: readonly (readonly CaseResult[])[];
  readonly result: AttemptResult;
}

/** Cuts so that no part is larger than `charactersMax` encoded characters, one case at least in each. */
export function cutResult(result: AttemptResult, charactersMax: number): CutResult {
  if (result.cases.length < 64 && weight(result.cases) <= charactersMax) return { parts: [], result };
  const parts: CaseResult[][] = [];
  let part: CaseResult[] = [];
  let size = 0;
  for (const each of result.cases) {
    const length = JSON.stringify(each).length;
    if (part.length > 0 && size + length > charactersMax) {
      parts.push(part);
      part = [];
      size = 0;
    }
    part.push(each);
    size += length;
  }
  return { parts, result: { ...result, cases: part } };
}

const weight = (cases: readonly CaseResult[]): number => cases.reduce((sum, each) => sum + JSON.stringify(each).length, 0);
