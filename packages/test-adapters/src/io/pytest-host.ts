/**
 * The host of pytest: the user's own pytest as typed, with a plugin of ours that collects once and runs files on request.
 *
 * The plugin is copied into a temporary folder, which is also where pytest's cache goes: nothing is written into the user's tree.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type HostRunner, type OpenRequest, serveHost } from './host-channel.ts';
import { openInner } from './inner-process.ts';
import { packageFile } from './program.ts';

serveHost(openPytest);

async function openPytest({ cwd, suite, slot }: OpenRequest): Promise<HostRunner> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-pytest-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  copyFileSync(packageFile(import.meta.url, `plugins/${PLUGIN}.py`), join(folder, `${PLUGIN}.py`));
  const command = (suite.options?.['command'] ?? ['pytest']) as readonly string[];
  const own = ['-p', PLUGIN, '-o', `cache_dir=${join(folder, 'cache')}`];
  const env = {
    ...process.env,
    PYTHONPATH: [folder, ...(process.env['PYTHONPATH'] ? [process.env['PYTHONPATH']] : [])].join(delimiter),
    HOLDFAST_SLOT: String(slot),
  };
  return openInner({ runner: 'pytest', loadsOnce: false, command: () => ({ argv: [...command, ...own, ...suite.args], cwd, env }) });
}

const PLUGIN = 'holdfast_pytest';
