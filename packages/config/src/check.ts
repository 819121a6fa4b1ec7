/** Checks a whole configuration file's value against every section: strict, all mistakes at once. */
import { bad, type CodedError, ok, type Result } from '@holdfast/kernel';
import { z } from 'zod';
import type { Kind } from './kinds.ts';
import { invalidConfig, mistakesOf } from './mistakes.ts';
import { type HoldfastConfig, SECTIONS, type SectionName } from './settings.ts';

/** The zod schema of a file. Values stay as written: `resolveSettings` reads them. */
export const CONFIG_SCHEMA = z.strictObject(
  Object.fromEntries(
    Object.entries(SECTIONS).map(([name, section]) => [
      name,
      z.strictObject(Object.fromEntries(Object.entries(section).map(([key, setting]) => [key, setting.kind.schema.optional()]))).optional(),
    ]),
  ),
);

/** The configuration that `value` is, or `CONFIG_INVALID` naming key, `where` and the nearest valid key. */
export function checkConfig(value: unknown, where: string): Result<HoldfastConfig, CodedError> {
  const parsed = CONFIG_SCHEMA.safeParse(value);
  if (parsed.success) return ok(value as HoldfastConfig);
  const mistakes = mistakesOf(parsed.error.issues, { where, root: '', value, words: wordsAt, keys: keysAt });
  const [first, ...others] = mistakes;
  return first === undefined ? ok(value as HoldfastConfig) : bad(invalidConfig([first, ...others]));
}

type Described = Kind<unknown, unknown> & { readonly shape?: Readonly<Record<string, Kind<unknown, unknown>>> };

function kindAt(path: readonly string[]): Described | undefined {
  const [section, key, field] = path;
  if (section === undefined || key === undefined) return undefined;
  const settings = SECTIONS[section as SectionName] as Readonly<Record<string, { readonly kind: Described }>> | undefined;
  const kind = settings?.[key]?.kind;
  return (field === undefined ? undefined : kind?.shape?.[field]) ?? kind;
}

function wordsAt(path: readonly string[]): string {
  return kindAt(path)?.words ?? `an object with ${keysAt(path).join(', ')}`;
}

function keysAt(path: readonly string[]): readonly string[] {
  if (path.length === 0) return Object.keys(SECTIONS);
  if (path.length === 1) return Object.keys(SECTIONS[path[0] as SectionName] ?? {});
  return Object.keys(kindAt(path)?.shape ?? {});
}
