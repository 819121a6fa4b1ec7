/** One started command: what it said, how it ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { DEADLINE_MS, until, within } from './condition.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartedCommand {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves with the match once one of the two streams has it. Fails when the command ends without. */
  said(pattern: RegExp, deadlineMs?: number): Promise<RegExpExecArray>;
  /** Signals the process; `group`: its whole group, as a terminal does. */
  kill(signal: NodeJS.Signals, target?: 'process' | 'group'): void;
  /** Writes to its standard input, which must have been kept open. */
  type(text: string): void;
  ended(deadlineMs?: number): Promise<Ended>;
  isOver(): boolean;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Written to its standard input, which then ends. Absent: no input. */
  readonly input?: string;
  /** Its standard input stays open, for `type`. Default false. */
  readonly interactive?: boolean;
  /** Called before a signal is sent. */
  readonly beforeKill?: () => void;
}

/** Starts it as the leader of its own group. */
export function startCommand(file: string, args: readonly string[], options: CommandOptions): StartedCommand {
  const name = `\`${args.slice(1).join(' ')}\``;
  const child: ChildProcess = spawn(file, [...args], {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: [options.input === undefined && !options.interactive ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let over: Ended | undefined;
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin?.on('error', () => {
    /* ignored: it did not want to read. */
  });
  if (options.input !== undefined) child.stdin?.end(options.input);
  const story = (): string => `--- ${name} said on stdout\n${stdout.slice(-4000)}\n--- and on stderr\n${stderr.slice(-6000)}`;
  const exit = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      over = { code, signal, stdout, stderr };
      resolve(over);
    });
  });
  exit.catch(() => {
    /* ignored here: whoever awaits its end hears it. */
  });
  return {
    pid: child.pid ?? -1,
    stdout: () => stdout,
    stderr: () => stderr,
    said: (pattern, deadlineMs = DEADLINE_MS) =>
      until(
        `${name} to say ${pattern}`,
        () => {
          const match = pattern.exec(stdout) ?? pattern.exec(stderr);
          if (match === null && over)
            throw new Error(`${name} ended with ${over.code ?? over.signal} and never said ${pattern}\n${story()}`);
          return match ?? undefined;
        },
        deadlineMs,
        story,
      ),
    kill(signal, target = 'process') {
      options.beforeKill?.();
      if (over === undefined && child.pid !== undefined) process.kill(target === 'group' ? -child.pid : child.pid, signal);
    },
    type: (text) => void child.stdin?.write(text),
    ended: (deadlineMs = DEADLINE_MS) => within(`the end of ${name}`, exit, deadlineMs, story),
    isOver: () => over !== undefined,
  };
}
