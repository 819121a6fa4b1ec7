/** Every setting of every command: its kind, its default and what it is for. The one list behind file, variables and flags. */
import {
  bytes,
  duration,
  fields,
  flag,
  type InputOf,
  integer,
  type Kind,
  list,
  oneOf,
  record,
  shard,
  text,
  type ValueOf,
} from './kinds.ts';

/** One setting: what it may hold and what holds when nobody says anything. */
export interface Setting<K extends Kind<unknown, unknown>, Default extends ValueOf<K> | undefined = ValueOf<K> | undefined> {
  readonly kind: K;
  readonly default: Default;
  /** One line for `--help` and the README. */
  readonly about: string;
}

export type SettingsSchema = Readonly<Record<string, Setting<Kind<unknown, unknown>, unknown>>>;

/** The resolved values of a schema: a setting with a default always has one. */
export type SettingsOf<Schema extends SettingsSchema> = {
  readonly [Key in keyof Schema]: Schema[Key] extends Setting<infer K, infer Default>
    ? ValueOf<K> | (Default extends undefined ? undefined : never)
    : never;
};

/** What a file may write for a schema. */
export type SettingsInput<Schema extends SettingsSchema> = { readonly [Key in keyof Schema]?: InputOf<Schema[Key]['kind']> };

const LEVELS = oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent']);

/** Settings of `holdfast run` and the verbs that talk to a coordinator. */
export const RUN_SETTINGS = {
  /** Local workers to start. Default: chosen by the machine's cores. */
  workers: optional(integer(0, 1024), 'local workers to start; default by the number of cores'),
  /** Further attempts after a failure, per task. */
  retries: withDefault(integer(0, 20), 0, 'further attempts after a failure, per task'),
  /** Longest duration of one attempt; 0: no limit. */
  timeout: withDefault(duration(), 0, 'longest duration of one attempt; 0: no limit'),
  /** Reports to write: names, or name=path. */
  reporter: optional(list(), 'reports to write: names, or name=path'),
  /** Folder for reports and artifacts. */
  out: optional(text('a folder'), 'folder for reports and artifacts'),
  /** Variables that every task gets. */
  env: optional(record(), 'variables that every task gets'),
  /** Test files or globs; default: what the runner finds. */
  files: optional(list(), 'test files or globs; default: what the runner finds'),
  /** One part of several, balanced by earlier durations; each machine of a CI job runs another. */
  shard: optional(shard(), 'one part of several, such as 2/5; balanced by earlier durations'),
  /** Where durations are kept, for caches of CI; default: in the project's cache. */
  history: optional(text('a file'), "file in which durations are kept; default: in the project's cache"),
  /** The coordinator's address; absent: a coordinator is started for this run. */
  connect: optional(text('an address such as wss://host:port'), 'address of the coordinator; absent: one is started for this run'),
  /** A token in clear; prefer `tokenFile`. */
  token: optional(text('a token'), 'access token; prefer tokenFile'),
  /** A file that holds the token. */
  tokenFile: optional(text('a file'), 'file that holds the access token'),
  /** How much is logged on stderr. */
  logLevel: withDefault(LEVELS, 'info', 'how much is logged on stderr'),
  /** Cancel what is left after the first failed task. */
  failFast: withDefault(flag(), false, 'cancel what is left after the first failed task'),
} as const;

/** Settings of `holdfast coordinator`. */
export const COORDINATOR_SETTINGS = {
  /** Address and port to listen on; port 0 takes a free one. */
  listen: withDefault(
    text('an address such as 127.0.0.1:7070'),
    '127.0.0.1:7070',
    'address and port to listen on; port 0 takes a free one',
  ),
  /** Folder of the store. */
  data: withDefault(text('a folder'), '.holdfast', 'folder of the store'),
  /** PostgreSQL that keeps the truth, beside other coordinators; absent: a SQLite file in `data`. */
  store: optional(text('an address such as postgres://user@host/database'), 'PostgreSQL that keeps the truth; absent: a file in data'),
  /** What that store calls this coordinator; default: a name that `data` keeps. */
  coordinatorName: optional(text('a name'), 'what that store calls this coordinator; default: a name that data keeps'),
  /** Take over once the coordinator of that name was silent for 10 s. */
  standby: withDefault(flag(), false, 'take over once the coordinator of that name was silent for 10 s'),
  /** Accept a PostgreSQL that may lose what it acknowledged. */
  notDurable: withDefault(flag(), false, 'accept a PostgreSQL that may lose what it acknowledged'),
  /** Certificate chain in PEM; with `tlsKey` it turns TLS on. */
  tlsCert: optional(text('a file'), 'certificate chain in PEM; with tlsKey it turns TLS on'),
  /** Private key in PEM. */
  tlsKey: optional(text('a file'), 'private key in PEM'),
  /** Authorities in PEM that client certificates must come from. */
  tlsCa: optional(text('a file'), 'authorities in PEM that client certificates must come from'),
  /** Host headers that are answered beside those of loopback. */
  allowedHosts: optional(list(), 'Host headers that are answered beside those of loopback'),
  /** Origins whose browsers may call the API. */
  allowedOrigins: optional(list(), 'origins whose browsers may call the API'),
  /** Finished runs to keep, newest first; absent: all. */
  keepRuns: optional(integer(1, 100_000_000), 'finished runs to keep, newest first; absent: all'),
  /** Days to keep a finished run; absent: for ever. */
  keepDays: optional(integer(1, 36_500), 'days to keep a finished run; absent: for ever'),
  /** Unfinished tasks beyond which submits are refused 429. */
  queueMax: withDefault(integer(1, 100_000_000), 100_000, 'unfinished tasks beyond which submits are refused'),
  /** Take the store as it is, though something newer was here before. */
  acceptOlder: withDefault(flag(), false, 'take the store as it is, though something newer was here before'),
  /** How much is logged on stderr. */
  logLevel: withDefault(LEVELS, 'info', 'how much is logged on stderr'),
} as const;

/** Settings of `holdfast worker`. */
export const WORKER_SETTINGS = {
  /** The coordinator's address. */
  connect: optional(text('an address such as wss://host:port'), 'address of the coordinator; several with commas, tried in order'),
  /** A token in clear; prefer `tokenFile`. */
  token: optional(text('a token'), 'access token; prefer tokenFile'),
  /** A file that holds the token. */
  tokenFile: optional(text('a file'), 'file that holds the access token'),
  /** Authorities in PEM that the coordinator's certificate must come from. */
  tlsCa: optional(text('a file'), "authorities in PEM that the coordinator's certificate must come from"),
  /** What people call this worker; default: the host's name. */
  name: optional(text('a name'), "what people call this worker; default: the host's name"),
  /** Tasks at the same time; default: by the number of cores. */
  slots: optional(integer(1, 1024), 'tasks at the same time; default by the number of cores'),
  /** Facts that tasks may require. */
  labels: optional(record(), 'facts that tasks may require'),
  /** What tasks may do on this machine. */
  policy: optional(
    fields({
      /** Programs that command tasks may run. */
      commands: list(),
      /** Folders inside which tasks must stay. */
      folders: list(),
      /** Variables that tasks inherit from the worker; a trailing * matches any rest. */
      environment: list(),
      /** Address space per process. */
      memoryMax: bytes(),
      /** Open files per process. */
      descriptorsMax: integer(16, 1_048_576),
    }),
    'what tasks may do on this machine',
  ),
  /** Folder of what the worker keeps: its id and its logs. */
  data: withDefault(text('a folder'), '.holdfast', "folder of the worker's id and logs"),
  /** How much is logged on stderr. */
  logLevel: withDefault(LEVELS, 'info', 'how much is logged on stderr'),
} as const;

/** All sections of a file by name. */
export const SECTIONS = { run: RUN_SETTINGS, coordinator: COORDINATOR_SETTINGS, worker: WORKER_SETTINGS } as const;
export type SectionName = keyof typeof SECTIONS;

/** What `holdfast.config.{ts,js,mjs,json}` holds. */
export interface HoldfastConfig {
  readonly run?: SettingsInput<typeof RUN_SETTINGS>;
  readonly coordinator?: SettingsInput<typeof COORDINATOR_SETTINGS>;
  readonly worker?: SettingsInput<typeof WORKER_SETTINGS>;
}

export type RunSettings = SettingsOf<typeof RUN_SETTINGS>;
export type CoordinatorSettings = SettingsOf<typeof COORDINATOR_SETTINGS>;
export type WorkerSettings = SettingsOf<typeof WORKER_SETTINGS>;

/** Returns its argument: an editor completes and checks the file by its type. */
export function defineConfig(config: HoldfastConfig): HoldfastConfig {
  return config;
}

function optional<K extends Kind<unknown, unknown>>(kind: K, about: string): Setting<K, undefined> {
  return { kind, default: undefined, about };
}

function withDefault<K extends Kind<unknown, unknown>>(kind: K, value: InputOf<K> & {}, about: string): Setting<K, ValueOf<K>> {
  return { kind, default: kind.schema.parse(value) as ValueOf<K>, about };
}
