/**
 * Pure roots stay pure: no clock, chance, timer, promise, process, global or I/O in `src` outside `src/io` of a package
 * whose manifest says `holdfast.pure`.
 *
 * A port's type may name the promise that an adapter returns; nothing here makes, awaits or returns one.
 * A conformance suite (`src/conformance*.ts`) may await: what it exercises are adapters.
 * A name that the file itself declares (a parameter called `process`) is that declaration, not the global.
 */
import type { SyntaxNode } from './source.ts';
import { packageNameOf } from './layers.ts';
import { type Check, type Finding, type Package, sourceFiles, type Workspace } from './workspace.ts';

export const purity: Check = (workspace) =>
  workspace.packages
    .filter(({ pure }) => pure)
    .flatMap((pkg) =>
      pureFiles(workspace, pkg).flatMap((path) => [...importFindings(workspace, pkg, path), ...syntaxFindings(workspace, path)]),
    );

/** The files of a package's pure root. */
function pureFiles(workspace: Workspace, pkg: Package): readonly string[] {
  return sourceFiles(workspace, pkg, 'src').filter((path) => !path.startsWith(`${pkg.folder}/src/io/`));
}

function importFindings(workspace: Workspace, pkg: Package, path: string): Finding[] {
  return workspace.source(path).imports.flatMap(({ specifier, line }) => {
    const problem = importProblem(workspace, pkg, path, specifier);
    return problem === undefined ? [] : [{ check: 'purity', path: `${path}:${line}`, message: problem }];
  });
}

function importProblem(workspace: Workspace, pkg: Package, path: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) {
    const target = new URL(specifier, `file:///${path}`).pathname;
    return target.startsWith(`/${pkg.folder}/src/io/`) ? `pure code imports ${specifier}` : undefined;
  }
  const name = packageNameOf(specifier);
  if (name === undefined) return `pure code imports ${specifier}`;
  const other = workspace.packages.find(({ manifest }) => manifest.name === name);
  if (!other) {
    const allowed = PURE_LIBRARIES.has(name) || (pkg.short === 'testkit' && name === 'fast-check');
    return allowed ? undefined : `pure code imports ${name}, which is not a pure library`;
  }
  const source = other.manifest.exports?.[`.${specifier.slice(name.length)}`]?.['@holdfast/source'];
  return other.pure && !source?.startsWith('./src/io/') ? undefined : `pure code imports ${specifier}, which does I/O`;
}

function syntaxFindings(workspace: Workspace, path: string): Finding[] {
  const source = workspace.source(path);
  const declared = declaredNames(source.walk);
  const awaits = /\/src\/conformance[^/]*\.ts$/.test(path);
  const findings: Finding[] = [];
  const report = (node: SyntaxNode, message: string): void =>
    void findings.push({ check: 'purity', path: `${path}:${source.lineAt(node.start)}`, message: `pure code ${message}` });
  source.walk((node, parent, key) => {
    if (node['async'] === true && !awaits) report(node, 'is async');
    if (node.type === 'AwaitExpression' && !awaits) report(node, 'awaits');
    if (node.type === 'MetaProperty' && (node['meta'] as { readonly name?: string }).name === 'import') report(node, 'reads import.meta');
    if (node.type === 'MemberExpression' && nameOf(node['object']) === 'Math' && nameOf(node['property']) === 'random') {
      report(node, 'draws from Math.random');
    }
    const name = node.type === 'Identifier' ? nameOf(node) : undefined;
    if (name === undefined || !IMPURE_NAMES.has(name) || declared.has(name) || isLabel(node, parent, key)) return;
    report(node, `uses ${name}`);
  });
  return findings;
}

/** Property names, keys and the like: an identifier that refers to no value. */
function isLabel(node: SyntaxNode, parent: SyntaxNode | undefined, key: string): boolean {
  if (!parent || parent['computed'] === true) return false;
  if (parent.type === 'TSTypeReference' && nameOf(node) === 'Promise') return true;
  if (key === 'property' || key === 'label' || key === 'imported' || key === 'exported' || key === 'right') {
    return (
      parent.type !== 'AssignmentExpression' &&
      parent.type !== 'BinaryExpression' &&
      parent.type !== 'LogicalExpression' &&
      parent.type !== 'AssignmentPattern'
    );
  }
  return key === 'key' && !(parent['shorthand'] === true && parent['value'] === node);
}

/** Names that the file binds anywhere: imports, variables, parameters, functions, types. */
function declaredNames(walk: (visit: (node: SyntaxNode, parent: SyntaxNode | undefined, key: string) => void) => void): Set<string> {
  const names = new Set<string>();
  const bind = (pattern: unknown): void => {
    const node = pattern as SyntaxNode | null | undefined;
    if (!node) return;
    if (node.type === 'Identifier') names.add(nameOf(node) ?? '');
    else if (node.type === 'ObjectPattern')
      for (const property of node['properties'] as SyntaxNode[]) bind(property['value'] ?? property['argument']);
    else if (node.type === 'ArrayPattern') for (const element of node['elements'] as unknown[]) bind(element);
    else bind(node['left'] ?? node['argument']);
  };
  walk((node, _, key) => {
    if (key === 'params') bind(node);
    if (node.type === 'VariableDeclarator' || DECLARATIONS.has(node.type)) bind(node['id']);
    if (node.type.startsWith('Import') && node['local']) bind(node['local']);
  });
  return names;
}

function nameOf(node: unknown): string | undefined {
  const identifier = node as { readonly type?: string; readonly name?: unknown } | null | undefined;
  return identifier?.type === 'Identifier' && typeof identifier.name === 'string' ? identifier.name : undefined;
}

const DECLARATIONS: ReadonlySet<string> = new Set([
  'FunctionDeclaration',
  'ClassDeclaration',
  'TSTypeAliasDeclaration',
  'TSInterfaceDeclaration',
]);
/** Third-party code that only computes. */
const PURE_LIBRARIES: ReadonlySet<string> = new Set(['zod', 'eventemitter3', 'fast-xml-parser']);
const IMPURE_NAMES: ReadonlySet<string> = new Set([
  'Buffer',
  'Date',
  'Promise',
  'WebSocket',
  'clearInterval',
  'clearTimeout',
  'console',
  'crypto',
  'fetch',
  'globalThis',
  'performance',
  'process',
  'queueMicrotask',
  'require',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);
