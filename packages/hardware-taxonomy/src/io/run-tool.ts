/** Runs a vendor's tool without trusting it: it may be missing, hang, print without end or fail. */
import { spawn } from 'node:child_process';

export type ToolResult =
  | { readonly kind: 'printed'; readonly text: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly reason: string };

/** Runs a program without a shell and without input; ended after `timeoutMs` (SIGKILL) or 1 MiB of output. Never rejects. */
export function runTool(program: string, args: readonly string[], timeoutMs: number): Promise<ToolResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], windowsHide: true, detached: process.platform !== 'win32' });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let ended: ToolResult | undefined;
    const end = (result: ToolResult): void => {
      ended ??= result;
      clearTimeout(timer);
      resolve(ended);
    };
    const kill = (reason: string): void => {
      end({ kind: 'failed', reason });
      child.stdout.destroy();
      try {
        // Its group: a wrapper script's child may be what hangs.
        if (child.pid !== undefined) process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL');
      } catch {
        /* ignored: it has ended by itself. */
      }
    };
    const timer = setTimeout(() => kill(`said nothing within ${timeoutMs} ms`), timeoutMs);
    child.on('error', (error: NodeJS.ErrnoException) => {
      end(error.code === 'ENOENT' ? { kind: 'missing' } : { kind: 'failed', reason: error.message });
    });
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > OUTPUT_BYTES_MAX) kill(`printed more than ${OUTPUT_BYTES_MAX} bytes`);
      else chunks.push(chunk);
    });
    child.on('close', (code, signal) => {
      const text = Buffer.concat(chunks).toString('utf8');
      if (code === 0) end({ kind: 'printed', text });
      else
        end({
          kind: 'failed',
          reason: signal ? `ended by ${signal}` : `left with ${code}${text.trim() === '' ? '' : `: ${text.trim().slice(0, 120)}`}`,
        });
    });
  });
}

const OUTPUT_BYTES_MAX = 1024 * 1024;
