/** Real repositories in temporary folders. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder that is removed after the test. */
export function newFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-worker-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Checkout {
  readonly root: string;
  git(...args: string[]): string;
  write(path: string, content: string | Uint8Array): void;
}

export function openCheckout(root: string): Checkout {
  return {
    root,
    git: (...args) =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'protocol.file.allow=always', ...args], {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
      }),
    write(path, content) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    },
  };
}

/** A repository with one commit that holds `a.txt` and `b.txt`. */
export function newCheckout(): Checkout {
  const checkout = openCheckout(newFolder());
  checkout.git('init', '-q');
  checkout.write('a.txt', 'a\n');
  checkout.write('b.txt', 'b\n');
  checkout.git('add', '.');
  checkout.git('commit', '-qm', 'one');
  return checkout;
}

/** The same repository again, elsewhere. */
export function cloneOf(checkout: Checkout, ...args: string[]): Checkout {
  const root = join(newFolder(), 'clone');
  checkout.git('clone', '-q', ...args, `file://${checkout.root}`, root);
  return openCheckout(root);
}
