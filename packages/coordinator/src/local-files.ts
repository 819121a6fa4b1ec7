/** The files by which programs on this machine find a coordinator: `admin.token` and `endpoint.json`, readable by their owner only. */
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CodedError, errorText } from '@holdfast/kernel';

/** What `endpoint.json` says. */
export interface Endpoint {
  readonly url: string;
  readonly pid: number;
}

/** Makes the data folder; one that it makes is hidden from git, or a checkout around it would never be clean. Errors: `DATA_NOT_WRITABLE`, exit code 78. */
export function prepareDataFolder(folder: string): void {
  try {
    if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) writeFileSync(join(folder, '.gitignore'), '*\n');
    accessSync(folder, constants.W_OK | constants.X_OK);
    const probe = join(folder, `.probe-${process.pid}`);
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    throw new CodedError('DATA_NOT_WRITABLE', `write to the data folder ${folder}: ${errorText(error)}`, {
      cause: error,
      details: { folder, exitCode: 78 },
    });
  }
}

/** The name of this coordinator among those of one database: made once, and kept, so that its next life fences the former one. */
export function coordinatorName(folder: string): string {
  const path = join(folder, NAME_FILE);
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const name = `${hostname()}-${randomBytes(4).toString('hex')}`;
    replaceFile(path, `${name}\n`);
    return name;
  }
}

/** The admin token kept in `folder`, if there is one. */
export function readAdminToken(folder: string): string | undefined {
  try {
    return readFileSync(join(folder, ADMIN_FILE), 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export const writeAdminToken = (folder: string, token: string): void => replaceFile(join(folder, ADMIN_FILE), `${token}\n`);

/** What `endpoint.json` in `folder` says; undefined: no coordinator was started there, or it ended in order. */
export function readEndpoint(folder: string): Endpoint | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, ENDPOINT_FILE), 'utf8')) as Endpoint;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export const writeEndpoint = (folder: string, endpoint: Endpoint): void =>
  replaceFile(join(folder, ENDPOINT_FILE), `${JSON.stringify(endpoint)}\n`);

/** Removes `endpoint.json` if this process wrote it. */
export function removeEndpoint(folder: string): void {
  if (readEndpoint(folder)?.pid === process.pid) rmSync(join(folder, ENDPOINT_FILE), { force: true });
}

/** Readers see the old text or the new one, never half of it. */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text, { mode: 0o600, flush: true });
  renameSync(temporary, path);
}

const NAME_FILE = 'coordinator.name';
const ADMIN_FILE = 'admin.token';
const ENDPOINT_FILE = 'endpoint.json';
