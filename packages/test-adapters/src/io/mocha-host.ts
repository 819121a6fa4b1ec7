/** The host of mocha: the user's own mocha with all its configuration, and a module of ours inside that takes the place of its run. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { MOCHA_MAJOR_MIN } from '../mocha-adapter.ts';
import { type HostRunner, type OpenRequest, serveHost } from './host-channel.ts';
import { openInner } from './inner-process.ts';
import { siblingProgram } from './program.ts';

serveHost(openMocha);

async function openMocha({ cwd, suite, slot }: OpenRequest): Promise<HostRunner> {
  const { folder, program } = findMocha(cwd);
  const own = ['--require', siblingProgram(import.meta.url, 'mocha-inner'), '--no-parallel', '--no-watch', '--reporter', 'min'];
  const env = { ...process.env, HOLDFAST_MOCHA: folder, HOLDFAST_SLOT: String(slot), MOCHA_WORKER_ID: String(slot) };
  return openInner({
    runner: 'mocha',
    loadsOnce: true,
    command: () => ({ argv: [process.execPath, program, ...own, ...suite.args], cwd, env }),
  });
}

function findMocha(cwd: string): { readonly folder: string; readonly program: string } {
  const project = createRequire(join(cwd, 'package.json'));
  let path: string;
  try {
    path = project.resolve('mocha/package.json');
  } catch {
    throw new Error(`mocha is not installed in ${cwd}; install it, or run from the folder that has it`);
  }
  const { version, bin } = project(path) as { version: string; bin: string | Record<string, string> };
  if (Number.parseInt(version, 10) < MOCHA_MAJOR_MIN) {
    throw new Error(`mocha ${version} is too old; supported are ${MOCHA_MAJOR_MIN}.0 and later`);
  }
  const folder = dirname(path);
  return { folder, program: join(folder, typeof bin === 'string' ? bin : (bin['mocha'] ?? 'bin/mocha.js')) };
}
