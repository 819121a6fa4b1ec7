/**
 * Checks the repository's own rules. Prints `path:line message` per finding and leaves with 1 if there is any.
 * `--fix` first writes the tsconfigs; `--only NAME` runs one check.
 */
import { resolve } from 'node:path';
import { CHECKS, findingsOf } from './checks.ts';
import { writeTsconfigs } from './references.ts';
import { readWorkspace } from './workspace.ts';

const root = resolve(import.meta.dirname, '../../..');
const args = process.argv.slice(2);
if (args.includes('--fix')) writeTsconfigs(root, readWorkspace(root));
const workspace = readWorkspace(root);
const only = args.includes('--only') ? CHECKS[args[args.indexOf('--only') + 1] ?? ''] : undefined;
const findings = only ? only(workspace) : findingsOf(workspace);
for (const { path, message, check } of findings) console.log(`${path} ${message} [${check}]`);
console.error(
  findings.length === 0 ? `repo-checks: ${workspace.files.size} files, no findings` : `repo-checks: ${findings.length} findings`,
);
process.exitCode = findings.length === 0 ? 0 : 1;
