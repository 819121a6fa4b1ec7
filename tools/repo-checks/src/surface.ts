/** What a package shows: `index.ts` only re-exports names, one by one, and nothing is exported as a default. */
import type { SyntaxNode } from './source.ts';
import { type Check, type Finding, sourceFiles } from './workspace.ts';

export const surface: Check = (workspace) =>
  workspace.packages.flatMap((pkg) =>
    sourceFiles(workspace, pkg, 'src').flatMap((path) => {
      const source = workspace.source(path);
      const findings: Finding[] = source.problems.map((problem) => ({ check: 'surface', path, message: `does not parse: ${problem}` }));
      const report = (node: SyntaxNode, message: string): void =>
        void findings.push({ check: 'surface', path: `${path}:${source.lineAt(node.start)}`, message });
      for (const node of source.program['body'] as readonly SyntaxNode[]) {
        if (node.type === 'ExportAllDeclaration') report(node, 'export * hides what is public; name each export');
        else if (node.type === 'ExportDefaultDeclaration') report(node, 'default exports have no name; export by name');
        else if (path === `${pkg.folder}/src/index.ts` && !(node.type === 'ExportNamedDeclaration' && node['source'])) {
          report(node, 'index.ts only re-exports');
        }
      }
      return findings;
    }),
  );
