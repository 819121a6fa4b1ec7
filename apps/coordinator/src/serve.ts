/** A coordinator as a process: settings in, exit code out. Decides nothing about the domain. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CoordinatorSettings } from '@holdfast/config';
import { type RunningCoordinator, startCoordinator, type StartCoordinatorSettings } from '@holdfast/coordinator';
import { CodedError, errorText } from '@holdfast/kernel';

export interface CoordinatorIo {
  /** One line for people. */
  say(line: string): void;
  /** What programs want to know once it listens. */
  tell(started: { readonly url: string; readonly data: string; readonly pid: number }): void;
}

/**
 * Serves until a signal comes; resolves with the exit code.
 * Errors: those of `startCoordinator`, `SETTING_INVALID` (2), `FILE_UNREADABLE` (78), each with `details.exitCode`.
 */
export async function serveCoordinator(settings: CoordinatorSettings, io: CoordinatorIo): Promise<number> {
  if (settings.standby)
    io.say(`standing by: takes over once ${settings.coordinatorName ?? 'the coordinator of this data folder'} was silent for 10 s`);
  const running = await startCoordinator(startSettings(settings));
  const data = resolve(settings.data);
  io.say(`listening on ${running.url}, data in ${data}`);
  if (settings.store !== undefined) io.say(`the truth is kept in ${running.store}`);
  if (settings.notDurable) io.say('NOT DURABLE: what this coordinator acknowledges may be lost when its database stops');
  io.say(
    `token for administrators in ${resolve(data, 'admin.token')}; make others with: holdfast token create --data ${settings.data} --scope worker:register`,
  );
  io.tell({ url: running.url, data, pid: process.pid });

  const { promise: asked, resolve: end } = Promise.withResolvers<number>();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals += 1;
    if (signals > 1) return end(signal === 'SIGINT' ? 130 : 143);
    io.say(`${signal}: telling the workers; a second signal ends at once`);
    // Not `end(drained(...))`: that would leave the second signal without effect.
    void drained(running, signal).then(end);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const fenced = running.fenced.catch((error: unknown) => {
    io.say(`stopped: ${errorText(error)}`);
    const code = (error as CodedError).details?.['exitCode'];
    return typeof code === 'number' ? code : 75;
  });
  const code = await Promise.race([asked, fenced]);
  process.off('SIGTERM', onSignal);
  process.off('SIGINT', onSignal);
  await running.close();
  return code;
}

async function drained(running: RunningCoordinator, reason: string): Promise<number> {
  try {
    await running.drain(reason);
    return 0;
  } catch {
    /* ignored: why it failed is in the log, and `fenced` tells when the store is the cause. */
    return 1;
  }
}

function startSettings(settings: CoordinatorSettings): StartCoordinatorSettings {
  if ((settings.tlsCert === undefined) !== (settings.tlsKey === undefined)) {
    throw new CodedError('SETTING_INVALID', 'start with TLS: --tls-cert and --tls-key belong together', { details: { exitCode: 2 } });
  }
  if (settings.store !== undefined && !/^postgres(?:ql)?:\/\//.test(settings.store)) {
    // Not shown: it may hold a password.
    throw new CodedError('SETTING_INVALID', 'open the store: expected postgres://user@host:port/database', { details: { exitCode: 2 } });
  }
  if (settings.standby && settings.store === undefined) {
    throw new CodedError('SETTING_INVALID', 'stand by: --standby needs --store; a SQLite file has one coordinator', {
      details: { exitCode: 2 },
    });
  }
  return {
    dataFolder: resolve(settings.data),
    listen: parseListen(settings.listen),
    ...(settings.tlsCert !== undefined && settings.tlsKey !== undefined
      ? {
          tls: {
            cert: readText(settings.tlsCert),
            key: readText(settings.tlsKey),
            ...(settings.tlsCa === undefined ? {} : { ca: readText(settings.tlsCa) }),
          },
        }
      : {}),
    ...(settings.allowedHosts ? { allowedHosts: settings.allowedHosts } : {}),
    ...(settings.allowedOrigins ? { allowedOrigins: settings.allowedOrigins } : {}),
    ...(settings.store === undefined ? {} : { store: settings.store }),
    ...(settings.coordinatorName === undefined ? {} : { name: settings.coordinatorName }),
    standby: settings.standby,
    notDurable: settings.notDurable,
    ...(settings.acceptOlder ? { acceptOlder: true } : {}),
    retention: {
      ...(settings.keepRuns === undefined ? {} : { keepRuns: settings.keepRuns }),
      ...(settings.keepDays === undefined ? {} : { keepDays: settings.keepDays }),
    },
    options: { queuedMax: settings.queueMax },
    logLevel: settings.logLevel,
  };
}

/** `127.0.0.1:7070`, `[::1]:7070`, `:7070`, `7070`. Errors: `SETTING_INVALID`. */
function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:(\[[0-9a-f:]+\]|[^:\s]*):)?(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) {
    throw new CodedError('SETTING_INVALID', `listen on ${JSON.stringify(text)}: expected HOST:PORT such as 127.0.0.1:7070`, {
      details: { exitCode: 2 },
    });
  }
  return { host: match[1]?.replace(/^\[|\]$/g, '') || '127.0.0.1', port };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CodedError('FILE_UNREADABLE', `read ${path}: ${errorText(error)}`, { cause: error, details: { exitCode: 78 } });
  }
}
