/** Gates: a test says that it runs by writing a line, and waits until somebody opens its gate. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './condition.ts';
import type { Census } from './processes.ts';

export interface Gates {
  /** Of the project: `gate.js` exports `pass(name)`. */
  readonly files: Readonly<Record<string, string>>;
  readonly folder: string;
  /** Process ids of all that came to this gate, in order. */
  arrivals(name: string): number[];
  /** Resolves with the arrivals once there are at least `count`. */
  arrived(name: string, count?: number): Promise<number[]>;
  /** Resolves with the names once at least `count` of these gates have somebody waiting. */
  anyArrived(names: readonly string[], count: number): Promise<string[]>;
  open(...names: string[]): void;
  /** Those open already and all others. */
  openAll(): void;
}

export function createGates(folder: string, census: Census): Gates {
  mkdirSync(folder, { recursive: true });
  const arrivals = (name: string): number[] => {
    const path = join(folder, `${name}.arrivals`);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').map(Number).filter(Boolean) : [];
  };
  const open = (...names: string[]): void => names.forEach((name) => writeFileSync(join(folder, `${name}.open`), ''));
  return {
    folder,
    files: { 'gate.js': program(folder) },
    arrivals,
    async arrived(name, count = 1) {
      const seen = await until(`arrival ${count} at gate ${name}`, () => {
        const pids = arrivals(name);
        return pids.length >= count && pids;
      });
      census.take();
      return seen;
    },
    async anyArrived(names, count) {
      const seen = await until(`arrivals at ${count} of the gates ${names.join(', ')}`, () => {
        const there = names.filter((name) => arrivals(name).length > 0);
        return there.length >= count && there;
      });
      census.take();
      return seen;
    },
    open,
    openAll: () => open('all'),
  };
}

const program = (folder: string): string => `
import { appendFileSync, existsSync } from 'node:fs';

const folder = ${JSON.stringify(folder)};

export function arrive(name) {
  appendFileSync(\`\${folder}/\${name}.arrivals\`, \`\${process.pid}\\n\`);
}

export async function pass(name) {
  arrive(name);
  while (!existsSync(\`\${folder}/\${name}.open\`) && !existsSync(\`\${folder}/all.open\`)) await new Promise((resolve) => setTimeout(resolve, 10));
}
`;
