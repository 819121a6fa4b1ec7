/** Sorts a runner's arguments into those that are kept, taken over and refused, by a table. */

export type FlagUse =
  /** Taken over or left out. `value`: it takes one, as the next argument unless written with `=`. */
  | { readonly use: 'take'; readonly value: boolean; readonly note?: string }
  /** Cannot be distributed; `why` completes "--flag ...". */
  | { readonly use: 'refuse'; readonly why: string }
  /** Kept, and known to take a value: the next argument is not a positional. */
  | { readonly use: 'keep'; readonly value: true };

/** Flags by their normal names; those absent are kept and take no separate value. */
export type FlagTable = Readonly<Record<string, FlagUse>>;

export interface SortedFlags {
  /** In order, positionals included unless `stopAtPositional`. */
  readonly kept: readonly string[];
  /** Normal name and value (`''` for none) of each flag taken over, in order. */
  readonly taken: readonly { readonly name: string; readonly value: string }[];
  readonly notes: readonly string[];
  /** Completes "failed to distribute this command: ". */
  readonly refused?: string;
  /** What follows the first positional or `--`, that positional included; empty unless `stopAtPositional`. */
  readonly rest: readonly string[];
}

/** `normal` gives the name that the table uses, without dashes: `--no-file-parallelism` -> `noFileParallelism`. */
export function sortFlags(
  args: readonly string[],
  table: FlagTable,
  normal: (flag: string) => string,
  options: { readonly stopAtPositional: boolean },
): SortedFlags {
  const kept: string[] = [];
  const taken: { name: string; value: string }[] = [];
  const notes = new Set<string>();
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] as string;
    if (arg === '--')
      return {
        kept: options.stopAtPositional ? kept : [...kept, ...args.slice(at)],
        taken,
        notes: [...notes],
        rest: options.stopAtPositional ? args.slice(at + 1) : [],
      };
    if (!arg.startsWith('-') || arg === '-') {
      if (options.stopAtPositional) return { kept, taken, notes: [...notes], rest: args.slice(at) };
      kept.push(arg);
      continue;
    }
    const equals = arg.indexOf('=');
    const flag = equals < 0 ? arg : arg.slice(0, equals);
    const name = normal(flag);
    const use = table[name] ?? table[`${name.split('.')[0] ?? ''}.*`];
    const inline = equals < 0 ? undefined : arg.slice(equals + 1);
    const next = args[at + 1];
    if (use?.use === 'refuse') {
      if (inline === 'false') continue;
      return { kept, taken, notes: [...notes], rest: [], refused: `${flag} ${use.why}` };
    }
    const separate = use?.value === true && inline === undefined && next !== undefined;
    if (use?.use === 'take') {
      taken.push({ name, value: inline ?? (separate ? next : '') });
      if (use.note !== undefined) notes.add(`${flag} ${use.note}`);
    } else {
      kept.push(arg);
      if (separate) kept.push(next);
    }
    if (separate) at += 1;
  }
  return { kept, taken, notes: [...notes], rest: [] };
}

/** The whole number that was given last for a flag; undefined if none or no number. */
export function lastNumber(sorted: SortedFlags, names: readonly string[]): number | undefined {
  const value = sorted.taken.findLast(({ name }) => names.includes(name))?.value ?? '';
  return /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}
