/**
 * Three-valued logic (Kleene): what is not known is neither true nor false, and a rule that does not depend on it still has an answer.
 * Numbers, so that `and` is the least, `or` the greatest, and `not` the mirror.
 */
export type Truth = 0 | 1 | 2;
export const FALSE: Truth = 0;
export const UNKNOWN: Truth = 1;
export const TRUE: Truth = 2;

export const negate = (truth: Truth): Truth => (2 - truth) as Truth;
export const truthOf = (value: boolean): Truth => (value ? TRUE : FALSE);
/** For people and for plain data. */
export const truthText = (truth: Truth): 'false' | 'unknown' | 'true' => (truth === TRUE ? 'true' : truth === FALSE ? 'false' : 'unknown');
