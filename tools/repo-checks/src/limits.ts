/**
 * Limits of size: 400 lines in a source file, 70 in a function.
 *
 * Z1 A function's lines are its own: what a function inside it takes is counted there, since machines are closures.
 * Z2 `ratchet.json` holds the functions that were longer when the rule came. An entry may only shrink, and goes when it is not needed.
 */
import type { SyntaxNode } from './source.ts';
import { type Check, type Finding, sourceFiles, type Workspace } from './workspace.ts';

export const LINES_PER_FILE_MAX = 400;
export const LINES_PER_FUNCTION_MAX = 70;
const RATCHET_PATH = 'tools/repo-checks/ratchet.json';

export const limits: Check = (workspace) => {
  const ratchet = JSON.parse(workspace.files.get(RATCHET_PATH) ?? '{}') as Readonly<Record<string, number>>;
  const findings: Finding[] = [];
  const needed = new Set<string>();
  for (const path of workspace.packages.flatMap((pkg) => sourceFiles(workspace, pkg, 'src'))) {
    const lines = (workspace.files.get(path) ?? '').trimEnd().split('\n').length;
    if (lines > LINES_PER_FILE_MAX)
      findings.push({ check: 'limits', path, message: `${lines} lines; split by concept below ${LINES_PER_FILE_MAX}` });
    for (const { name, line, length } of functionsOf(workspace, path)) {
      if (length <= LINES_PER_FUNCTION_MAX) continue;
      const key = `${path}#${name}`;
      needed.add(key);
      const allowed = ratchet[key] ?? LINES_PER_FUNCTION_MAX;
      if (length > allowed)
        findings.push({ check: 'limits', path: `${path}:${line}`, message: `${name} has ${length} lines; at most ${allowed}` });
    }
  }
  for (const key of Object.keys(ratchet)) {
    if (!needed.has(key)) findings.push({ check: 'limits', path: RATCHET_PATH, message: `${key} is no longer needed` });
  }
  return findings;
};

interface FunctionSize {
  readonly name: string;
  readonly line: number;
  /** Own lines (Z1). */
  readonly length: number;
}

function functionsOf(workspace: Workspace, path: string): FunctionSize[] {
  const source = workspace.source(path);
  const sizes: FunctionSize[] = [];
  const parents = new Map<SyntaxNode, SyntaxNode | undefined>();
  const inner = new Map<SyntaxNode, number>();
  const functions: SyntaxNode[] = [];
  source.walk((node, parent) => {
    parents.set(node, parent);
    if (FUNCTIONS.has(node.type) && node['body']) functions.push(node);
  });
  const linesOf = (node: SyntaxNode): number => source.lineAt(node.end) - source.lineAt(node.start) + 1;
  for (const node of functions) {
    let outer = parents.get(node);
    while (outer && !FUNCTIONS.has(outer.type)) outer = parents.get(outer);
    // A function on one line, or sharing its lines with others, saves its owner at most what it adds.
    if (outer) inner.set(outer, (inner.get(outer) ?? 0) + linesOf(node) - 1);
  }
  for (const node of functions) {
    sizes.push({ name: nameOf(node, parents.get(node)), line: source.lineAt(node.start), length: linesOf(node) - (inner.get(node) ?? 0) });
  }
  return sizes;
}

function nameOf(node: SyntaxNode, parent: SyntaxNode | undefined): string {
  const named = (node['id'] ?? parent?.['id'] ?? parent?.['key']) as { readonly name?: unknown } | null | undefined;
  return typeof named?.name === 'string' ? named.name : 'a function without a name';
}

const FUNCTIONS: ReadonlySet<string> = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);
