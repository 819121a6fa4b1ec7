/**
 * How records lie in a spool's segment: JSON text sequences (RFC 7464), each with its checksum.
 *
 * A record is RS, eight hexadecimal digits, a space, JSON, LF. JSON contains neither RS nor LF, so a reader finds the next
 * record whatever happened to this one.
 *
 * R1 Whole records that precede or follow a damaged one are read; a damaged one is counted, never guessed at.
 * R2 What lacks its end at the end of a segment was being written when its writer died: torn, not corrupt.
 */
import type { Checksum } from './spool.ts';

export type SpoolRecord =
  /** Kept from here on, in place of whatever had this key. */
  | { readonly put: string; readonly value: unknown }
  /** Needed no more. */
  | { readonly settled: readonly string[] };

export interface ReadRecords {
  readonly records: readonly { readonly record: SpoolRecord; readonly line: string }[];
  /** Records that are there and cannot be read. */
  readonly corrupt: number;
  /** The segment ends in the middle of a record. */
  readonly torn: boolean;
}

/** One record as it lies in a segment. */
export function writeRecord(record: SpoolRecord, checksum: Checksum): string {
  const json = JSON.stringify(record);
  return `${RS}${digits(checksum(json))} ${json}${LF}`;
}

/** Reads all that can be read of a segment's text. */
export function readRecords(text: string, checksum: Checksum): ReadRecords {
  const records: { record: SpoolRecord; line: string }[] = [];
  let corrupt = 0;
  let torn = false;
  const [before = '', ...pieces] = text.split(RS);
  if (before !== '') corrupt += 1;
  for (const [index, piece] of pieces.entries()) {
    const end = piece.indexOf(LF);
    if (end < 0) {
      if (index === pieces.length - 1) torn = true;
      else corrupt += 1;
      continue;
    }
    const record = recordOf(piece.slice(0, end), checksum);
    if (record) records.push({ record, line: `${RS}${piece.slice(0, end + 1)}` });
    else corrupt += 1;
    // The beginning of the next one was overwritten.
    if (end < piece.length - 1) corrupt += 1;
  }
  return { records, corrupt, torn };
}

function recordOf(line: string, checksum: Checksum): SpoolRecord | undefined {
  const json = line.slice(DIGITS + 1);
  if (line[DIGITS] !== ' ' || line.slice(0, DIGITS) !== digits(checksum(json))) return undefined;
  try {
    const value = JSON.parse(json) as SpoolRecord;
    return ('put' in value && typeof value.put === 'string') || ('settled' in value && Array.isArray(value.settled)) ? value : undefined;
  } catch {
    /* ignored: a checksum can be right by chance; the caller counts it. */
    return undefined;
  }
}

const digits = (value: number): string => (value >>> 0).toString(16).padStart(DIGITS, '0');

const DIGITS = 8;
/** Record separator and line feed. */
const RS = '\u001e';
const LF = '\n';
