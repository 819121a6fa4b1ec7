/** Requirement text as tokens, each with its place, so that every error can point at a column. */

export interface Token {
  readonly kind: 'word' | 'string' | 'number' | 'sign' | 'end';
  /** Without quotes; numbers with their unit, as written. */
  readonly text: string;
  /** 0-based index of the first character. */
  readonly at: number;
}

/** What cannot be read. `at` is a 0-based index into the text. */
export interface RequirementProblem {
  readonly at: number;
  /** Fragment that completes "failed to read the requirement: ...". */
  readonly message: string;
}

/** All tokens and an end, or the first thing that is none. */
export function tokensOf(text: string): readonly Token[] | RequirementProblem {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    PATTERN.lastIndex = at;
    const match = PATTERN.exec(text);
    if (!match) {
      const quote = text[at] === '"' || text[at] === "'";
      return { at, message: quote ? 'a text is not closed' : `unexpected ${JSON.stringify(text[at])}` };
    }
    const { space, string, number, word, sign } = match.groups!;
    if (string !== undefined) {
      const unquoted = unquote(string);
      if (unquoted === undefined) return { at, message: 'a text has an escape that JSON does not know' };
      tokens.push({ kind: 'string', text: unquoted, at });
    } else if (number !== undefined) tokens.push({ kind: 'number', text: number, at });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word, at });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: SPELLINGS[sign] ?? sign, at });
    at += match[0].length || (space?.length ?? 0);
  }
  tokens.push({ kind: 'end', text: '', at: text.length });
  return tokens;
}

function unquote(text: string): string | undefined {
  if (text.startsWith("'")) return text.slice(1, -1);
  try {
    return JSON.parse(text) as string;
  } catch {
    /* ignored: undefined is the answer. */
    return undefined;
  }
}

/** Numbers take their unit, a version its dots; words take dots and dashes (`gpu.vendor`, `label.my-rack`). */
const PATTERN =
  /(?<space>\s+)|(?<string>"(?:[^"\\\n]|\\.)*"|'[^'\n]*')|(?<number>v?\d+(?:\.\d+)*(?:\s?(?:[KMGT]i?B(?:\/s)?|B(?:\/s)?|[kMG]?Hz|[mk]?W|ms|s|m|h)(?![A-Za-z0-9_]))?)|(?<word>[A-Za-z_][A-Za-z0-9_.-]*)|(?<sign>&&|\|\||==|!=|<=|>=|[!<>=(),-])/iy;
/** A single `=` is what people type. */
const SPELLINGS: Readonly<Record<string, string>> = { '=': '==' };
