/**
 * Files that an attempt leaves behind, and the names by which bytes are known everywhere: their hash.
 *
 * A1 An artifact's name is safe to join to a folder on any machine: it names something below it, and no two names of one
 *    task mean the same file.
 */

/** `sha256-` and 64 lower-case hex digits: the name of bytes, derived from them alone. */
export type BlobDigest = string & { readonly [digest]: true };
declare const digest: unique symbol;

/** Bytes that are kept elsewhere, by their hash. `size` in bytes. */
export interface BlobRef {
  readonly digest: BlobDigest;
  readonly size: number;
}

/** One file that an attempt left. `name` is relative, with forward slashes (A1). */
export interface Artifact extends BlobRef {
  readonly name: string;
}

/** `text` as a digest; undefined for anything else. */
export const parseDigest = (text: string): BlobDigest | undefined => (DIGEST.test(text) ? (text as BlobDigest) : undefined);

/** A SHA-256 in hex as a digest. */
export const digestOf = (hex: string): BlobDigest => `sha256-${hex}` as BlobDigest;

/** Why a name cannot be an artifact's (A1), in words for people; undefined: it can. */
export function artifactNameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (!name.isWellFormed()) return 'it is not well-formed Unicode';
  // 255 UTF-8 bytes fit everywhere as one path segment, so they fit as a path.
  if (utf8Length(name) > ARTIFACT_LIMITS.nameBytesMax) return `it is longer than ${ARTIFACT_LIMITS.nameBytesMax} bytes`;
  if (name !== name.normalize('NFC')) return 'it is not in Unicode normal form C';
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'it has a control character';
  if (name.includes('\\')) return 'it has a backslash';
  if (/%(?:2e|2f|5c|00)/i.test(name)) return 'it has an encoded separator or dot';
  if (/^[A-Za-z]:/.test(name)) return 'it begins with a drive';
  for (const segment of name.split('/')) {
    if (segment === '') return name.startsWith('/') ? 'it is absolute' : 'it has an empty part';
    if (segment === '.' || segment === '..') return `it has the part ${segment}`;
    if (segment.endsWith('.') || segment.endsWith(' ')) return 'a part of it ends in a dot or a space';
  }
  return undefined;
}

/** Why a list of artifacts cannot be kept, in words for people; undefined: it can. */
export function artifactsProblem(artifacts: readonly Pick<Artifact, 'name' | 'size'>[]): string | undefined {
  if (artifacts.length > ARTIFACT_LIMITS.countMax) return `${artifacts.length} files, more than ${ARTIFACT_LIMITS.countMax}`;
  const names = new Set<string>();
  let bytes = 0;
  for (const { name, size } of artifacts) {
    const problem = artifactNameProblem(name);
    if (problem !== undefined) return `${JSON.stringify(name.slice(0, 80))}: ${problem}`;
    if (size > ARTIFACT_LIMITS.bytesMax) return `${JSON.stringify(name)} has ${size} bytes, more than ${ARTIFACT_LIMITS.bytesMax}`;
    if (names.has(name)) return `${JSON.stringify(name)} is there twice`;
    names.add(name);
    bytes += size;
  }
  return bytes > ARTIFACT_LIMITS.bytesPerTaskMax ? `${bytes} bytes together, more than ${ARTIFACT_LIMITS.bytesPerTaskMax}` : undefined;
}

function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return length;
}

/** What one attempt may leave. */
export const ARTIFACT_LIMITS = {
  /** Bytes of one file: 100 MiB. */
  bytesMax: 104_857_600,
  /** Bytes of all of them: 1 GiB. */
  bytesPerTaskMax: 1_073_741_824,
  countMax: 512,
  /** UTF-8 bytes of a name. */
  nameBytesMax: 255,
} as const;

const DIGEST = /^sha256-[0-9a-f]{64}$/;
