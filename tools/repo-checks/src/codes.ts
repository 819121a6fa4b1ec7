/** Every code that a package raises stands in its README, where a user looks for the cause. */
import { stringOf } from './source.ts';
import { type Check, type Finding, sourceFiles } from './workspace.ts';

export const codes: Check = (workspace) =>
  workspace.packages
    .filter(({ manifest }) => !manifest.private)
    .flatMap((pkg) => {
      const readme = workspace.files.get(`${pkg.folder}/README.md`) ?? '';
      const findings: Finding[] = [];
      for (const path of sourceFiles(workspace, pkg, 'src')) {
        const source = workspace.source(path);
        source.walk((node) => {
          if (node.type !== 'NewExpression' || (node['callee'] as { readonly name?: string }).name !== 'CodedError') return;
          const code = stringOf((node['arguments'] as readonly unknown[])[0]);
          if (code === undefined) return;
          const report = (message: string): void =>
            void findings.push({ check: 'codes', path: `${path}:${source.lineAt(node.start)}`, message });
          if (!/^[A-Z]+(?:_[A-Z0-9]+)+$/.test(code)) report(`${code} is not of the form AREA_REASON`);
          if (!readme.includes(`\`${code}\``)) report(`${code} is not in the README's table of codes`);
        });
      }
      return findings;
    });
