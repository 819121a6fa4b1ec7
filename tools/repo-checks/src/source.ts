/** A parsed source file: its imports and exports with their lines, its comments, and a walk over its syntax tree. */
import { parseSync } from 'oxc-parser';

/** A node of the ESTree that the parser gives. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export interface Import {
  /** As written: `./units.ts`, `@holdfast/kernel/node`, `node:fs`. */
  readonly specifier: string;
  readonly line: number;
  /** Erased by the compiler: only types come in. */
  readonly typeOnly: boolean;
}

export interface Source {
  readonly program: SyntaxNode;
  /** Static and dynamic imports, and `export ... from`. */
  readonly imports: readonly Import[];
  /** `line` is that of the comment's first line. */
  readonly comments: readonly { readonly text: string; readonly line: number }[];
  /** Problems of syntax; empty for a file that parses. */
  readonly problems: readonly string[];
  /** The 1-based line of an offset. */
  lineAt(offset: number): number;
  /** Visits every node, parents first. */
  walk(visit: (node: SyntaxNode, parent: SyntaxNode | undefined, key: string) => void): void;
}

/** Parses a file; the name tells the language. */
export function parseSource(path: string, text: string): Source {
  const parsed = parseSync(path, text);
  const program = parsed.program as unknown as SyntaxNode;
  const lineAt = lineIndex(text);
  const source: Source = {
    program,
    imports: [],
    comments: parsed.comments.map(({ value, start }) => ({ text: value, line: lineAt(start) })),
    problems: parsed.errors.map(({ message }) => message),
    lineAt,
    walk: (visit) => walkFrom(program, undefined, '', visit),
  };
  return { ...source, imports: importsOf(source) };
}

/** The text of a string literal, undefined for every other node. */
export function stringOf(node: unknown): string | undefined {
  const literal = node as { readonly type?: string; readonly value?: unknown } | null | undefined;
  return literal?.type === 'Literal' && typeof literal.value === 'string' ? literal.value : undefined;
}

function importsOf(source: Source): Import[] {
  const imports: Import[] = [];
  source.walk((node) => {
    if (!IMPORTING.has(node.type)) return;
    const specifier = stringOf(node.type === 'TSImportType' ? (node['source'] ?? node['argument']) : node['source']);
    if (specifier === undefined) return;
    const names = (node['specifiers'] ?? []) as readonly { readonly importKind?: string; readonly exportKind?: string }[];
    const typeOnly =
      node.type === 'TSImportType' ||
      node['importKind'] === 'type' ||
      node['exportKind'] === 'type' ||
      (names.length > 0 && names.every((name) => name.importKind === 'type' || name.exportKind === 'type'));
    imports.push({ specifier, line: source.lineAt(node.start), typeOnly });
  });
  return imports;
}

function walkFrom(node: SyntaxNode, parent: SyntaxNode | undefined, key: string, visit: Parameters<Source['walk']>[0]): void {
  visit(node, parent, key);
  for (const [name, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (isNode(child)) walkFrom(child, node, name, visit);
    }
  }
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && typeof (value as { readonly type?: unknown }).type === 'string';
}

function lineIndex(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

const IMPORTING: ReadonlySet<string> = new Set([
  'ImportDeclaration',
  'ImportExpression',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'TSImportType',
]);
