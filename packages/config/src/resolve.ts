/**
 * Which value holds: flag, then environment, then file, then default. Pure: the caller hands in all four.
 *
 * P1 A higher source wins as a whole; lists and records are never merged.
 * P2 An absent flag is `undefined`, an empty variable counts as absent: shells cannot easily unset one.
 * P3 All mistakes are told at once, each with the flag, variable or file where it stands.
 */
import { bad, type CodedError, ok, type Result } from '@holdfast/kernel';
import type { Kind } from './kinds.ts';
import { invalidConfig, type Mistake, mistakesOf, wrongValue } from './mistakes.ts';
import type { SettingsOf, SettingsSchema } from './settings.ts';

/** Where the candidates come from. */
export interface SettingsSources {
  /** By setting; texts are read like variables, other values are taken as they are. */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** The process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The section of the file, such as `config.run`. */
  readonly file?: Readonly<Record<string, unknown>> | undefined;
  /** The file's path, for messages. */
  readonly filePath?: string | undefined;
}

/** Where a value came from. */
export type Origin =
  | { readonly source: 'flag'; readonly name: string }
  | { readonly source: 'environment'; readonly name: string }
  | { readonly source: 'file'; readonly name: string }
  | { readonly source: 'default' };

export interface Resolved<Schema extends SettingsSchema> {
  readonly values: SettingsOf<Schema>;
  readonly origins: { readonly [Key in keyof Schema]: Origin };
}

/** The settings that hold, each with its origin, or `CONFIG_INVALID`. */
export function resolveSettings<Schema extends SettingsSchema>(
  schema: Schema,
  sources: SettingsSources,
): Result<Resolved<Schema>, CodedError> {
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  const mistakes: Mistake[] = [];
  for (const [key, setting] of Object.entries(schema)) {
    const candidate = candidateOf(key, sources);
    origins[key] = candidate.origin;
    if (candidate.origin.source === 'default') values[key] = setting.default;
    else {
      const read = readValue(key, setting.kind, candidate.value, candidate.origin);
      if (read.ok) values[key] = read.value;
      else mistakes.push(...read.problem);
    }
  }
  const [first, ...others] = mistakes;
  if (first !== undefined) return bad(invalidConfig([first, ...others]));
  return ok({ values, origins } as unknown as Resolved<Schema>);
}

/** The variable of a setting: `tokenFile` → `HOLDFAST_TOKEN_FILE`. */
export function variableOf(key: string): string {
  return `HOLDFAST_${words(key).join('_').toUpperCase()}`;
}

/** The flag of a setting: `tokenFile` → `--token-file`. */
export function flagOf(key: string): string {
  return `--${words(key).join('-')}`;
}

const words = (key: string): string[] => key.split(/(?=[A-Z])/).map((word) => word.toLowerCase());

function candidateOf(key: string, sources: SettingsSources): { readonly origin: Origin; readonly value: unknown } {
  const flagged = sources.flags?.[key];
  if (flagged !== undefined) return { origin: { source: 'flag', name: flagOf(key) }, value: flagged };
  const name = variableOf(key);
  const variable = sources.env?.[name];
  if (variable !== undefined && variable !== '') return { origin: { source: 'environment', name }, value: variable };
  const written = sources.file?.[key];
  if (written !== undefined) return { origin: { source: 'file', name: sources.filePath ?? 'the configuration file' }, value: written };
  return { origin: { source: 'default' }, value: undefined };
}

/** What a variable or a flag means; a flag that was repeated comes as a list of texts. */
function meantBy(kind: Described, value: unknown): unknown {
  if (typeof value === 'string') return kind.fromText(value);
  return kind.fromTexts && Array.isArray(value) ? kind.fromTexts(value as readonly string[]) : value;
}

type Described = Kind<unknown, unknown> & { readonly shape?: Readonly<Record<string, Kind<unknown, unknown>>> };

function readValue(
  key: string,
  kind: Described,
  value: unknown,
  origin: Exclude<Origin, { source: 'default' }>,
): Result<unknown, Mistake[]> {
  const meant = origin.source === 'file' ? value : meantBy(kind, value);
  if (meant === undefined) return bad([wrongValue(key, origin.name, kind.words, value)]);
  const parsed = kind.schema.safeParse(meant);
  if (parsed.success) return ok(parsed.data);
  return bad(
    mistakesOf(parsed.error.issues, {
      where: origin.name,
      root: key,
      value: meant,
      words: ([field]) => (field === undefined ? undefined : kind.shape?.[field]?.words) ?? kind.words,
      keys: () => Object.keys(kind.shape ?? {}),
    }),
  );
}
