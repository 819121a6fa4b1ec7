import { resolve } from 'node:path';
import { staleTsconfigs, writeTsconfigs } from './references.ts';
import { readWorkspace } from './workspace.ts';

const root = resolve(import.meta.dirname, '../../..');
const workspace = readWorkspace(root);
if (process.argv.includes('--fix')) writeTsconfigs(workspace);
const stale = staleTsconfigs(workspace);
for (const path of stale) console.error(`references: ${path} does not follow the manifests; run pnpm sync`);
process.exitCode = stale.length > 0 ? 1 : 0;
