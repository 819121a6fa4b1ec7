/** `holdfast artifacts`: what the tasks of a run left, listed or brought here. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ArtifactView, Client } from '@holdfast/client';
import { CodedError } from '@holdfast/kernel';
import { artifactNameProblem, digestOf, type RunId } from '@holdfast/model';
import { type Console, table } from '../console.ts';
import { EXIT, usageError } from '../exit.ts';
import { type InspectFlags, taskName, withStoredRun } from './inspect.ts';

/** `task` narrows to one task, as does `RUN.N`. With `download` the files of the latest attempt of each task are written to `DIR/N/NAME`. */
export async function artifactsVerb(
  name: string | undefined,
  task: string | undefined,
  flags: InspectFlags & { readonly download?: string },
  io: Console,
): Promise<number> {
  const given = name === undefined ? undefined : taskName(name);
  if (task !== undefined && !/^[1-9]\d{0,8}$/.test(task)) throw usageError(`list the artifacts of task ${task}: a task is its number`);
  const n = task === undefined ? given?.n : Number(task);
  return withStoredRun(given?.id, flags, async (client, id) => {
    const found = await listAll(client, id, n);
    if (flags.download !== undefined) return download(client, id, found, resolve(flags.download), io);
    if (flags.json) io.printJson(found);
    else {
      const rows = found.map((one) => [String(one.n), String(one.epoch), String(one.size), one.digest.slice(7, 19), one.name]);
      for (const line of table([['TASK', 'ATTEMPT', 'BYTES', 'SHA-256', 'NAME'], ...rows])) io.print(line);
      if (found.length === 0) io.print('none: a task leaves files in the folder that HOLDFAST_ARTIFACTS_DIR names');
    }
    return EXIT.passed;
  });
}

async function listAll(client: Client, id: RunId, n: number | undefined): Promise<ArtifactView[]> {
  const found: ArtifactView[] = [];
  for (let after = n === undefined ? 0 : n - 1; ;) {
    const page = await client.artifacts(id, { after, limit: n === undefined ? 1000 : 1 });
    found.push(...page.artifacts.filter((one) => n === undefined || one.n === n));
    if (!page.more || n !== undefined) return found;
    after = page.after;
  }
}

async function download(client: Client, id: RunId, found: readonly ArtifactView[], folder: string, io: Console): Promise<number> {
  const latest = new Map<number, number>();
  for (const { n, epoch } of found) latest.set(n, Math.max(epoch, latest.get(n) ?? 0));
  const wanted = found.filter(({ n, epoch }) => latest.get(n) === epoch);
  for (const artifact of wanted) io.print(await bring(client, id, artifact, folder));
  io.say(`holdfast: ${wanted.length} ${wanted.length === 1 ? 'file' : 'files'} in ${folder}`);
  return EXIT.passed;
}

/** Writes beside, checks, renames: a file that is there is whole. Errors: `ARTIFACT_DAMAGED`, `CLI_USAGE`. */
async function bring(client: Client, id: RunId, artifact: ArtifactView, folder: string): Promise<string> {
  const { n, epoch, name, digest, size } = artifact;
  // Whatever the coordinator says: nothing is written outside of the folder.
  const problem = artifactNameProblem(name);
  if (problem !== undefined) throw usageError(`write ${JSON.stringify(name)}: ${problem}`);
  const path = join(folder, String(n), name);
  const part = `${path}.part`;
  await mkdir(dirname(path), { recursive: true });
  const hash = createHash('sha256');
  try {
    await pipeline(
      await client.artifact(id, n, name, { epoch }),
      async function* check(bytes: AsyncIterable<Uint8Array>) {
        for await (const piece of bytes) {
          hash.update(piece);
          yield piece;
        }
      },
      createWriteStream(part),
    );
    if (digestOf(hash.digest('hex')) !== digest)
      throw new CodedError('ARTIFACT_DAMAGED', `read artifact ${name} of task ${n}: its bytes changed on their way`, {
        details: { n, name, size },
      });
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
  return path;
}
