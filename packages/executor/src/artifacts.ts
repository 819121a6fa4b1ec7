/**
 * What an attempt left in its artifacts folder, as files to be kept.
 *
 * A1 Only regular files below the folder are taken. A link is never followed, a device or a pipe never read.
 * A2 A name that cannot be an artifact's, or too much of anything, keeps all of them from being taken: silently keeping a part would
 *    look like all.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bad, errorText, ok, type Result } from '@holdfast/kernel';
import { ARTIFACT_LIMITS, artifactsProblem, type LeftFile } from '@holdfast/model';

/** The files of `folder`, sorted by name. The problem is a sentence for people. */
export function findArtifacts(folder: string): Result<readonly LeftFile[], string> {
  const files: LeftFile[] = [];
  const problem = walk(folder, '', files) ?? artifactsProblem(files);
  if (problem !== undefined) return bad(`its artifacts cannot be kept: ${problem}`);
  return ok(files.sort((a, b) => (a.name < b.name ? -1 : 1)));
}

function walk(folder: string, prefix: string, files: LeftFile[]): string | undefined {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true, encoding: 'buffer' })) {
      const given = decode(entry.name);
      if (given === undefined) return `a name in ${JSON.stringify(prefix || '.')} is not UTF-8`;
      const path = join(folder, given);
      // File systems of some machines keep another normal form: the same name everywhere is this one (A1 of artifacts).
      const name = `${prefix}${given.normalize('NFC')}`;
      if (entry.isDirectory()) {
        const problem = walk(path, `${name}/`, files);
        if (problem !== undefined) return problem;
      } else if (entry.isFile()) files.push({ name, path, size: statSync(path).size });
      if (files.length > ARTIFACT_LIMITS.countMax) return `more than ${ARTIFACT_LIMITS.countMax} files`;
    }
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}

function decode(name: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(name);
  } catch {
    return undefined;
  }
}
