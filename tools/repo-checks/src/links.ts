/** Links between documents lead somewhere: a relative link names a file or a folder of the repository. */
import { posix } from 'node:path';
import type { Check, Finding } from './workspace.ts';

export const links: Check = (workspace) => {
  const folders = new Set<string>(['.']);
  for (const path of workspace.files.keys()) for (let up = posix.dirname(path); up !== '.'; up = posix.dirname(up)) folders.add(up);
  const findings: Finding[] = [];
  for (const [path, text] of workspace.files) {
    if (!path.endsWith('.md')) continue;
    for (const [, target = ''] of text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(?:[a-z]+:|#)/i.test(target)) continue;
      const place = posix.normalize(posix.join(posix.dirname(path), target.replace(/#.*$/, ''))).replace(/\/$/, '');
      if (!workspace.files.has(place) && !folders.has(place) && !place.endsWith('LICENSE')) {
        findings.push({ check: 'links', path, message: `${target} leads nowhere` });
      }
    }
  }
  return findings;
};
