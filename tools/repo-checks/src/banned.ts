/** What must not stand in the repository: paths of one machine, hosts of registries, open ends without an issue, tests that hide others. */
import { type Check, type Finding, isSource } from './workspace.ts';

export const banned: Check = (workspace) => {
  const findings: Finding[] = [];
  for (const [path, text] of workspace.files) {
    text.split('\n').forEach((line, index) => {
      for (const [pattern, message] of EVERYWHERE)
        if (pattern.test(line)) findings.push({ check: 'banned', path: `${path}:${index + 1}`, message });
    });
    if (!isSource(path) || path.includes('/fixtures/')) continue;
    const source = workspace.source(path);
    for (const comment of source.comments) {
      if (OPEN_END.test(comment.text))
        findings.push({ check: 'banned', path: `${path}:${comment.line}`, message: 'an open end without an issue number, such as (#12)' });
    }
    if (!path.includes('/test/')) continue;
    source.walk((node) => {
      const name = (node['property'] as { readonly name?: string } | undefined)?.name;
      if (node.type !== 'MemberExpression' || name !== 'only' || !RUNNERS.test(rootOf(node))) return;
      findings.push({ check: 'banned', path: `${path}:${source.lineAt(node.start)}`, message: '.only hides every other test' });
    });
  }
  return findings;
};

/** The leftmost name of `test.concurrent.only`. */
function rootOf(node: unknown): string {
  const inner = node as { readonly type?: string; readonly object?: unknown; readonly name?: string };
  return inner.type === 'MemberExpression' ? rootOf(inner.object) : (inner.name ?? '');
}

const EVERYWHERE: readonly (readonly [RegExp, string])[] = [
  [/(?<![\w.*)}\]$-])\/(?:work|home|Users)\/[\w.-]/, 'an absolute path of one machine'],
  [/\b(?:registry\.[\w-]+\.\w+|[\w-]+\.npmmirror\.com|[\w-]+\.jfrog\.io|[\w-]+\.pkg\.dev)\b/, "a registry's host"],
];
const OPEN_END = /\b(?:TODO|FIXME|XXX)\b(?!\s*\(#\d+\))/;
const RUNNERS = /^(?:test|it|describe|suite|bench)$/;
