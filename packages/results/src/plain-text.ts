/**
 * Texts from tests are hostile until proven otherwise: they may carry terminal commands, links, titles, or
 * characters that reorder a line. This makes them plain.
 *
 * P1 The result holds no C0 or C1 control except line feed, no escape sequence, no bidirectional control.
 * P2 Colours and other well-formed sequences vanish; any other control is shown as `\x1b` or `\u202e`.
 * P3 Linear in the length of the text.
 */

/** Several lines; tabs become two spaces, CR LF and CR a line feed. */
export function plainText(text: string): string {
  if (HARMLESS.test(text)) return text;
  return stripSequences(text).replace(/\r\n?/g, '\n').replaceAll('\t', '  ').replace(CONTROLS, shown).toWellFormed();
}

/** One line: line feeds become one space each, runs of spaces at line breaks collapse. */
export const plainLine = (text: string): string =>
  plainText(text)
    .replace(/ *\n\s*/g, ' ')
    .trim();

/** The first line that says something. */
export const firstLine = (text: string): string =>
  plainText(text)
    .split('\n')
    .find((line) => line.trim() !== '')
    ?.trim() ?? '';

/** Removes complete escape sequences (colours, cursor, titles, links); what is incomplete stays, to be shown. */
export const stripSequences = (text: string): string => text.replace(SEQUENCES, '');

/**
 * A log line that a CI service does not take for one of its commands: GitHub obeys `::…` at the start of a line after spaces, and it
 * and Azure `##[…` and `##vso[…` anywhere. A zero-width space breaks them; people see the same text.
 */
export const inertLine = (line: string): string => line.replace(/^(\s*:)(?=:)/, '$1\u200b').replaceAll(/##(?=\[|vso\[)/g, '#\u200b#');

const shown = (one: string): string => {
  const code = one.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
};

/* oxlint-disable no-control-regex -- control characters are what this file is about */
const HARMLESS = /^[\n\x20-\x7e]*$/;
// String sequences (OSC, DCS, SOS, PM, APC) with their terminator, CSI, and two-character escapes. Each alternative
// starts with its own introducer and excludes it from its body, so that no input makes it backtrack (P3).
const SEQUENCES =
  /(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-Z\\^-~]/g;
const CONTROLS = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
