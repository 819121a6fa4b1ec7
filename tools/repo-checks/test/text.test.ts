import { expect, test } from 'vitest';
import { banned } from '../src/banned.ts';
import { codes } from '../src/codes.ts';
import { decisions } from '../src/decisions.ts';
import { links } from '../src/links.ts';
import { limits, LINES_PER_FILE_MAX, LINES_PER_FUNCTION_MAX } from '../src/limits.ts';
import { purity } from '../src/purity.ts';
import { found, manifest, planted } from './planted.ts';

const one = 'packages/lower/src/one.ts';
const raise = (code: string): string => `throw new CodedError('${code}', 'do it');\n`;
const lines = (count: number, line: string): string => `${line}\n`.repeat(count);

test.each([
  ['export const one = Date.now();', 'uses Date'],
  ['export const one = new Date();', 'uses Date'],
  ['export const one = Math.random();', 'draws from Math.random'],
  ['export const one = (): unknown => setTimeout(() => 1, 1);', 'uses setTimeout'],
  ['export const one = performance.now();', 'uses performance'],
  ['export const one = process.env;', 'uses process'],
  ['console.log(1); export const one = 1;', 'uses console'],
  ['export const one = Promise.resolve(1);', 'uses Promise'],
  ['export async function one() {}', 'is async'],
  ['export const one = { async two() {} };', 'is async'],
  ['export const one = globalThis;', 'uses globalThis'],
  ['export const one = { process };', 'uses process'],
  ['export const one = 1 + performance;', 'uses performance'],
  ['export const one = import.meta.url;', 'reads import.meta'],
  ["import { readFileSync as one } from 'node:fs'; export { one };", 'imports node:fs'],
  ["import one from 'ws'; export { one };", 'imports ws, which is not a pure library'],
  ["export const one = import('fs');", 'imports fs'],
  ["export { x as one } from './io/x.ts';", 'imports ./io/x.ts'],
])('purity: %s -> reported', (text, message) => {
  expect(found(purity, { [one]: text })).toContain(`${one}:1 pure code ${message}`);
});

test('purity: words that only look impure -> nothing', () => {
  const text = [
    "// Date.now() and 'await' in a comment.",
    "import { z } from 'zod';",
    "export const said = 'process.exit and Date';",
    'export const one = (process: { readonly Date: number }): number => process.Date;',
    'export const two = { console: 1, Promise: z };',
    'export interface Port { commit(): Promise<void> }',
  ].join('\n');
  expect(found(purity, { [one]: text })).toEqual([]);
});

test('purity: a conformance suite -> may await, and nothing else', () => {
  const text = 'export async function suite() {\n  await adapter();\n  return Date.now();\n}\n';
  expect(found(purity, { 'packages/lower/src/conformance-ops.ts': text })).toEqual([
    'packages/lower/src/conformance-ops.ts:3 pure code uses Date',
  ]);
});

test('purity: src/io, and packages that do not claim it -> free', () => {
  const impure = 'export const one = Date.now();';
  expect(found(purity, { 'packages/lower/src/io/clock.ts': impure })).toEqual([]);
  expect(
    found(purity, { [one]: impure, 'packages/lower/package.json': manifest('@holdfast/lower', { holdfast: { pure: false } }) }),
  ).toEqual(['packages/upper/src/two.ts:1 pure code imports @holdfast/lower, which does I/O']);
});

test('limits: a file one line too long -> reported; at the limit not', () => {
  expect(found(limits, { [one]: lines(LINES_PER_FILE_MAX, '// x') })).toEqual([]);
  expect(found(limits, { [one]: lines(LINES_PER_FILE_MAX + 1, '// x') })).toEqual([`${one} 401 lines; split by concept below 400`]);
});

test('Z1 limits: a function one line too long -> reported; lines of inner functions count there', () => {
  const long = (count: number): string => `function one() {\n${lines(count - 2, '  f();')}}\n`;
  const closure = `function two() {\n  const inner = () => {\n${lines(60, '    f();')}  };\n${lines(60, '  f();')}}\n`;
  expect(found(limits, { [one]: long(LINES_PER_FUNCTION_MAX) + closure })).toEqual([]);
  expect(found(limits, { [one]: long(LINES_PER_FUNCTION_MAX + 1) })).toEqual([`${one}:1 one has 71 lines; at most 70`]);
});

test('Z2 limits: the ratchet -> holds an old function, refuses growth, and goes when not needed', () => {
  const long = `function one() {\n${lines(78, '  f();')}}\n`;
  const ratchet = (length: number): string => JSON.stringify({ [`${one}#one`]: length });
  const path = 'tools/repo-checks/ratchet.json';
  expect(found(limits, { [one]: long, [path]: ratchet(80) })).toEqual([]);
  expect(found(limits, { [one]: long, [path]: ratchet(79) })).toEqual([`${one}:1 one has 80 lines; at most 79`]);
  expect(found(limits, { [path]: ratchet(80) })).toEqual([`${path} ${one}#one is no longer needed`]);
});

test.each([
  ['docs/a.md', `see ${['', 'work', 'main'].join('/')}`, 'docs/a.md:1 an absolute path of one machine'],
  ['packages/lower/README.md', `\n"${['', 'home', 'me', 'x'].join('/')}"`, 'packages/lower/README.md:2 an absolute path of one machine'],
  ['scripts/a.sh', `curl ${['https://registry', 'npmjs', 'org'].join('.')}/x`, "scripts/a.sh:1 a registry's host"],
  [one, `// ${'TO'}${'DO'} later`, `${one}:1 an open end without an issue number, such as (#12)`],
  ['packages/lower/test/a.test.ts', ['test', 'only("x");'].join('.'), 'packages/lower/test/a.test.ts:1 .only hides every other test'],
  [
    'packages/lower/test/a.test.ts',
    ['describe', 'concurrent', 'only("x");'].join('.'),
    'packages/lower/test/a.test.ts:1 .only hides every other test',
  ],
])('banned: in %s -> reported', (path, text, finding) => {
  expect(found(banned, { [path]: text })).toEqual([finding]);
});

test('banned: an open end with its issue, relative paths, another only -> nothing', () => {
  expect(
    found(banned, { [one]: `// ${'TO'}${'DO'}(#12) later, see ../work/x and packages/home/y\nexport const one = z.only(1);\n` }),
  ).toEqual([]);
});

test.each([
  ['docs/adr/0003-gap.md', 'the number must be 0002: one each, without gaps'],
  ['docs/adr/0001-again.md', 'the number must be 0002: one each, without gaps'],
  ['docs/adr/notes.md', 'the name must be NNNN-title-in-kebab-case.md'],
])('decisions: %s -> %s', (path, message) => {
  const sound = planted().files.get('docs/adr/0001-begin.md') ?? '';
  const findings = found(decisions, { [path]: sound.replace('0001', path.slice(9, 13)) });
  expect(findings.some((finding) => finding.endsWith(message))).toBe(true);
});

test('decisions: a record without its parts -> each missing part', () => {
  expect(found(decisions, { 'docs/adr/0001-begin.md': '# 0001 Begin\n\n## Context\n' }).map((finding) => finding.slice(23))).toEqual([
    'the date is missing',
    'the status is missing',
    'the decision is missing',
    'what else was possible is missing',
    'the consequences is missing',
  ]);
});

test('codes: raised but not in the README, or of another form -> reported', () => {
  expect(found(codes, { [one]: raise('LOWER_LOST') })).toEqual([`${one}:1 LOWER_LOST is not in the README's table of codes`]);
  expect(found(codes, { [one]: raise('LOWER_LOST'), 'packages/lower/README.md': '| `LOWER_LOST` | cause |' })).toEqual([]);
  expect(found(codes, { [one]: raise('lost'), 'packages/lower/README.md': '`lost`' })).toEqual([
    `${one}:1 lost is not of the form AREA_REASON`,
  ]);
});

test.each([
  [
    'a link to a file that is not there',
    { 'docs/one.md': 'See [that](../packages/lower/GONE.md).' },
    ['docs/one.md ../packages/lower/GONE.md leads nowhere'],
  ],
  [
    'links to a file, a folder, a part and the web',
    { 'docs/one.md': '[a](../packages/lower/README.md#x) [b](../packages/) [c](#here) [d](https://x.org/y.md)' },
    [],
  ],
  ['a link in a code block', { 'docs/one.md': '```\n[a](gone.md)\n```\n' }, []],
])('links: %s -> %j', (_name, files, findings) => {
  expect(found(links, files)).toEqual(findings);
});
