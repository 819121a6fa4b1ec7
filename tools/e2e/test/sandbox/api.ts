/** The HTTP API of a coordinator, called as any program would. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { join } from 'node:path';
import { until } from './condition.ts';
import { readJson, type Sandbox } from './sandbox.ts';

export interface Api {
  readonly url: string;
  readonly token: string;
  get<Value>(path: string): Promise<Value>;
  post<Value>(path: string, body?: unknown): Promise<Value>;
}

export interface RunState {
  readonly id: string;
  readonly state: string;
  readonly counts: Readonly<Record<'total' | 'remaining' | 'passed' | 'failed' | 'lostAttempts', number>>;
}

export function createApi(url: string, token: string, ca?: string): Api {
  const send = url.startsWith('https:') ? secureRequest : request;
  const trust = ca === undefined ? {} : { ca: readFileSync(ca) };
  const call = (method: string, path: string, body?: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
      const sent = send(
        new URL(path, url),
        { method, headers, agent: false, signal: AbortSignal.timeout(10_000), ...trust },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
          response.on('error', reject);
          response.on('end', () => {
            if ((response.statusCode ?? 500) < 300) resolve(JSON.parse(text));
            else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
          });
        },
      );
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  return {
    url,
    token,
    get: <Value>(path: string) => call('GET', path) as Promise<Value>,
    post: <Value>(path: string, body: unknown = {}) => call('POST', path, body) as Promise<Value>,
  };
}

/** Folders of the local runs of the sandbox's project, oldest first. */
export function runFolders(box: Sandbox): string[] {
  const bases = [join(box.project, 'node_modules/.cache/holdfast'), ...childrenOf(join(box.env['XDG_CACHE_HOME']!, 'holdfast'))];
  return bases.flatMap((base) => childrenOf(join(base, 'runs'))).toSorted();
}

/** The API of the newest local run, once its coordinator listens. */
export async function localApi(box: Sandbox): Promise<Api> {
  const data = await until('the coordinator of the local run', () => {
    const folder = runFolders(box).at(-1);
    return folder !== undefined && existsSync(join(folder, 'data/endpoint.json')) && join(folder, 'data');
  });
  const { url } = readJson<{ url: string }>(join(data, 'endpoint.json'));
  return createApi(url, readFileSync(join(data, 'admin.token'), 'utf8').trim());
}

/** The newest run, once `wanted` holds. */
export async function runIs(api: Api, awaited: string, wanted: (run: RunState) => boolean): Promise<RunState> {
  let last: RunState | undefined;
  return until(
    `a run ${awaited}`,
    async () => {
      const { runs } = await api.get<{ runs: RunState[] }>('/api/v1/runs?limit=1');
      last = runs[0];
      return last && wanted(last) ? last : undefined;
    },
    30_000,
    () => JSON.stringify(last),
  );
}

const childrenOf = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []);
