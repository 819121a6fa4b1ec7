// Lints what would be published of every package: manifest, entry points and files as a user's tools will see them.
// Needs a build. The file list is read here instead of packing each package: twenty times a second saved.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const root = resolve(import.meta.dirname, '..');
let problems = 0;
let linted = 0;
for (const folder of ['packages', 'apps', 'tools'].flatMap((area) => readdirSync(join(root, area)).map((name) => join(area, name)))) {
  const manifest = readManifest(join(root, folder, 'package.json'));
  if (!manifest || manifest.private) continue;
  const files = ['package.json', ...manifest.files].flatMap((entry) => readEntry(join(root, folder), entry));
  const { messages, pkg } = await publint({ pkgDir: 'package', pack: { files }, strict: true });
  linted += 1;
  for (const message of messages) {
    // The workspace's own condition names sources, which are not published and which nobody else resolves.
    if (message.path.includes('@holdfast/source')) continue;
    problems += 1;
    console.log(`${folder}/package.json ${message.type}: ${formatMessage(message, pkg, { color: false })}`);
  }
}
console.error(`publint: ${linted} packages, ${problems === 0 ? 'no findings' : `${problems} findings`}`);
process.exitCode = problems === 0 && linted > 0 ? 0 : 1;

function readManifest(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined; // Not a package.
    throw error;
  }
}

/** A file, or all files below a folder, as publint takes them. An entry that is not there is left out, which publint reports. */
function readEntry(folder, entry) {
  let names;
  try {
    names = readdirSync(join(folder, entry), { recursive: true, withFileTypes: true })
      .filter((found) => found.isFile())
      .map((found) => join(found.parentPath, found.name).slice(folder.length + 1));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    if (error.code !== 'ENOTDIR') throw error;
    names = [entry];
  }
  return names.map((name) => ({ name: `package/${name.replaceAll('\\', '/')}`, data: readFileSync(join(folder, name)) }));
}
