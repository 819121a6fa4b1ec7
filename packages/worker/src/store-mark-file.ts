/** The last mark of the coordinator's store: shown with each dial, renewed by pings, kept in the worker's data folder. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Dialer, dialLink, isExposed } from '@holdfast/reconnection-core/ws';

/** Where a mark of the coordinator's store is kept: opaque text of at most 256 characters. */
export interface StoreMarkKeeper {
  read(): string | undefined;
  write(mark: string): void;
}

/** WebSockets that show the last mark and take new ones. */
export function markingDialer(keeper: StoreMarkKeeper | undefined): Dialer {
  let mark = keeper?.read();
  const markGiven = (given: string): void => {
    if (given.length > MARK_LENGTH_MAX || given === mark) return;
    mark = given;
    keeper?.write(given);
  };
  return {
    isExposed,
    dial: (options, handlers) =>
      dialLink(mark === undefined ? options : { ...options, headers: { [STORE_MARK_HEADER]: mark } }, { ...handlers, pinged: markGiven }),
  };
}

/** Keeps it in `store.mark`. A mark that cannot be kept is told to `failed` and forgotten with the process: it only ever warns. */
export function keptStoreMark(dataFolder: string, failed: (error: unknown) => void): StoreMarkKeeper {
  const path = join(dataFolder, 'store.mark');
  return {
    read() {
      try {
        return readFileSync(path, 'utf8').trim() || undefined;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') failed(error);
        return undefined;
      }
    },
    write(mark) {
      const temporary = `${path}.${process.pid}.tmp`;
      try {
        writeFileSync(temporary, `${mark}\n`, { mode: 0o600 });
        renameSync(temporary, path);
      } catch (error) {
        failed(error);
      }
    },
  };
}

/** The coordinator gives marks in pings, and is shown the last one with the next link. */
const STORE_MARK_HEADER = 'holdfast-store';
const MARK_LENGTH_MAX = 256;
