#!/usr/bin/env node
// The command. Everything that a verb needs is loaded by that verb: `holdfast --version` loads next to nothing.
import { enableCompileCache } from 'node:module';

enableCompileCache?.();
const { main } = await import('./program.ts');
await main(process.argv);
