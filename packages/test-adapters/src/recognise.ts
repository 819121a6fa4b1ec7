/** From what a person typed to the suite it means. */
import type { ProjectFacts, Recognised, TestAdapter } from './adapter.ts';
import { resolveCommand } from './command.ts';
import { jestAdapter } from './jest-adapter.ts';
import { mochaAdapter } from './mocha-adapter.ts';
import { nodeTestAdapter } from './node-test-adapter.ts';
import { playwrightAdapter } from './playwright-adapter.ts';
import { pytestAdapter } from './pytest-adapter.ts';
import { vitestAdapter } from './vitest-adapter.ts';

/** All adapters, in the order in which they are asked. */
export const ADAPTERS: readonly TestAdapter[] = [
  vitestAdapter,
  jestAdapter,
  mochaAdapter,
  nodeTestAdapter,
  pytestAdapter,
  playwrightAdapter,
];

/**
 * The suite that a command line means, after scripts (`npm test`, `pnpm x`), package runners (`npx`) and wrappers
 * (`cross-env`, `c8`, `env`, `tsx`) were followed; a refusal that says what to type instead; undefined for a command of
 * no known runner, which can still run as it is.
 *
 * @example
 * recogniseCommand(['npm', 'test', '--', '-t', 'login'], readProject(process.cwd(), ADAPTERS))
 */
export function recogniseCommand(
  argv: readonly string[],
  project: ProjectFacts,
  adapters: readonly TestAdapter[] = ADAPTERS,
): Recognised | undefined {
  const resolved = resolveCommand(argv, project);
  if (resolved.kind === 'refused') return resolved;
  for (const adapter of adapters) {
    const recognised = adapter.recognise(resolved.command, project);
    if (recognised?.kind === 'refused') return recognised;
    if (recognised) {
      return {
        ...recognised,
        ...(resolved.script ? { cwd: project.folder } : {}),
        notes: [...resolved.notes, ...recognised.notes],
      };
    }
  }
  return undefined;
}
