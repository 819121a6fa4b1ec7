#!/usr/bin/env node
/** `HOLDFAST_TOKEN=hf_… holdfast-conformance https://coordinator:7070`: one line a check, exit code 1 if one fails, 2 without its arguments. */
import { checkEndpoint } from './conformance.ts';

const url = process.argv[2];
const token = process.env['HOLDFAST_TOKEN'];
if (url === undefined || token === undefined) {
  process.stderr.write('usage: HOLDFAST_TOKEN=<token of scope worker:register> holdfast-conformance <url>\n');
  process.exit(2);
}
const results = await checkEndpoint({ url, token }, ({ name, expected, got, passed }) => {
  process.stdout.write(passed ? `ok      ${name}: ${got}\n` : `FAILED  ${name}: ${got} instead of ${expected}\n`);
});
const failed = results.filter(({ passed }) => !passed).length;
process.stdout.write(`${results.length - failed} of ${results.length} checks passed\n`);
process.exit(failed === 0 ? 0 : 1);
