/** Splits text into words as a POSIX shell would, without a shell: what only a shell can do is a fault, never a guess. */

export type Words =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  /** `reason` completes "the text ...". */
  | { readonly kind: 'fault'; readonly reason: string };

/**
 * Words of one line: blanks separate, `'...'` is literal, `"..."` and `\` quote. A `#` that begins a word begins a comment.
 * Wildcards stay as they are: the runners expand them themselves. Faults: open quotes, operators, variables, substitutions.
 */
export function splitWords(text: string): Words {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === '#' && word === undefined) {
      break;
    } else if (char === "'") {
      const end = text.indexOf("'", at + 1);
      if (end < 0) return { kind: 'fault', reason: 'has an open quote' };
      word = (word ?? '') + text.slice(at + 1, end);
      at = end;
    } else if (char === '"') {
      const quoted = readDoubleQuoted(text, at + 1);
      if (quoted.kind === 'fault') return quoted;
      word = (word ?? '') + quoted.text;
      at = quoted.end;
    } else if (char === '\\') {
      at += 1;
      if (at >= text.length) return { kind: 'fault', reason: 'ends in a backslash' };
      word = (word ?? '') + text.charAt(at);
    } else if (char === '~' && word === undefined) {
      return { kind: 'fault', reason: 'uses the shell for ~' };
    } else if (SHELL.includes(char)) {
      const operator = text.slice(at).match(/^(&&|\|\||>>|<<|\$\(|.)/)?.[0] ?? char;
      return { kind: 'fault', reason: `uses the shell for ${operator}` };
    } else {
      word = (word ?? '') + char;
    }
  }
  if (word !== undefined) words.push(word);
  return { kind: 'words', words };
}

type Quoted =
  | { readonly kind: 'quoted'; readonly text: string; readonly end: number }
  | { readonly kind: 'fault'; readonly reason: string };

function readDoubleQuoted(text: string, from: number): Quoted {
  let quoted = '';
  for (let at = from; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '"') return { kind: 'quoted', text: quoted, end: at };
    if (char === '$' || char === '`') return { kind: 'fault', reason: `uses the shell for ${char}` };
    if (char === '\\' && '"\\$`'.includes(text.charAt(at + 1))) {
      at += 1;
      quoted += text.charAt(at);
    } else {
      quoted += char;
    }
  }
  return { kind: 'fault', reason: 'has an open quote' };
}

/** Joins words so that `splitWords`, and a shell, give them back. */
export const joinWords = (words: readonly string[]): string =>
  words.map((word) => (/^[\w@%+=:,./*?[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');

const SHELL = '&|;<>()$`';
