/** Which coordinator a verb talks to: the one named, else the one of a data folder on this machine. */
import { resolve } from 'node:path';
import { type Client, createClient } from '@holdfast/client';
import { readAdminToken, readEndpoint } from '@holdfast/coordinator';
import { CodedError } from '@holdfast/kernel';
import { cacheFolder } from '@holdfast/results/files';
import { usageError } from './exit.ts';
import { readGivenFile } from './given-file.ts';
import { latestRunFolder } from './run/run-folder.ts';
import { projectFolder } from './run/project-folder.ts';

export interface ConnectionFlags {
  readonly connect?: string | undefined;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly tlsCa?: string | undefined;
  readonly data?: string | undefined;
}

/** A client of that coordinator. Errors: `CLI_USAGE` (2), `COORDINATOR_UNREACHABLE` (69). */
export function connect(flags: ConnectionFlags): Client {
  const url = flags.connect ?? process.env['HOLDFAST_CONNECT'];
  const tls = flags.tlsCa === undefined ? {} : { ca: readGivenFile(flags.tlsCa, '--tls-ca') };
  if (url !== undefined && url !== '') return createClient({ url: httpUrl(url), token: tokenOf(flags), ...tls });
  const folder = localFolder(flags.data);
  const endpoint = folder === undefined ? undefined : readEndpoint(folder);
  if (folder === undefined || endpoint === undefined) {
    const where = flags.data === undefined ? 'for this folder' : `on ${flags.data}`;
    throw new CodedError(
      'COORDINATOR_UNREACHABLE',
      `find a coordinator: none runs ${where}; start one with \`holdfast coordinator\`, or name one with --connect URL`,
      { details: { exitCode: 69 } },
    );
  }
  const token = flags.token ?? readAdminToken(folder);
  if (token === undefined) throw usageError(`find a token: ${folder} has no admin.token; give --token or --token-file`);
  return createClient({ url: endpoint.url, token, ...tls });
}

/** The token of a remote coordinator: what was typed before what the environment says. Errors: `CLI_USAGE`. */
export function tokenOf(flags: ConnectionFlags): string {
  const { HOLDFAST_TOKEN: token, HOLDFAST_TOKEN_FILE: file } = process.env;
  const found = flags.token ?? textOf(flags.tokenFile) ?? (token || textOf(file || undefined));
  if (found === undefined || found.trim() === '') {
    throw usageError('talk to a coordinator: a token is missing; give --token-file FILE, --token TOKEN or HOLDFAST_TOKEN');
  }
  return found.trim();
}

const textOf = (file: string | undefined): string | undefined => (file === undefined ? undefined : readGivenFile(file, '--token-file'));

export const httpUrl = (url: string): string => url.replace(/^ws/i, 'http').replace(/\/$/, '');

/** The data folder named, else `.holdfast` here if a coordinator was started in it, else that of the newest local run of this project. */
function localFolder(named: string | undefined): string | undefined {
  if (named !== undefined) return resolve(named);
  const usual = resolve('.holdfast');
  // A worker alone keeps its id there, too.
  if (readEndpoint(usual) !== undefined) return usual;
  return latestRunFolder(cacheFolder(projectFolder(process.cwd())))?.data;
}
