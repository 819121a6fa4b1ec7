/** The project a command belongs to: the nearest folder upwards with a package.json, else the folder itself. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export function projectFolder(cwd: string): string {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (existsSync(join(folder, '.git')) || dirname(folder) === folder) return resolve(cwd);
  }
}
