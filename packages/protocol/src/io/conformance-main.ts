#!/usr/bin/env node
/** `HOLDFAST_TOKEN=hf_… holdfast-conformance https://coordinator:7070`: one line a check, exit code 1 if one fails, 2 without its arguments. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { checkEndpoint } from './conformance.ts';

const USAGE = `Usage: HOLDFAST_TOKEN=<token of scope worker:register> holdfast-conformance <url>

Checks whether what answers at <url> speaks the protocol: one line a check. Exit codes: 0 it does, 1 a check failed, 2 usage.
`;

process.exit(await main());

async function main(): Promise<number> {
  let read;
  try {
    read = parseArgs({ options: { help: { type: 'boolean' }, version: { type: 'boolean' } }, allowPositionals: true });
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  const { values, positionals } = read;
  if (values.help || values.version) {
    process.stdout.write(values.help ? USAGE : `${version()}\n`);
    return 0;
  }
  const [url] = positionals;
  const token = process.env['HOLDFAST_TOKEN'];
  if (url === undefined || token === undefined) {
    process.stderr.write(USAGE);
    return 2;
  }
  const results = await checkEndpoint({ url, token }, ({ name, expected, got, passed }) => {
    process.stdout.write(passed ? `ok      ${name}: ${got}\n` : `FAILED  ${name}: ${got} instead of ${expected}\n`);
  });
  const failed = results.filter(({ passed }) => !passed).length;
  process.stdout.write(`${results.length - failed} of ${results.length} checks passed\n`);
  return failed === 0 ? 0 : 1;
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { readonly version: string }).version;
}
