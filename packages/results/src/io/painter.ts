/**
 * Keeps a few lines at the bottom of a terminal up to date, with permanent lines scrolling away above them.
 *
 * P1 At most one frame per `FRAME_MS`; an unchanged frame writes nothing.
 * P2 The cursor is never hidden and no mode is left on: a killed process leaves a readable screen and a usable shell.
 * P3 A frame is one write, between the marks of synchronised output where the terminal knows them.
 * P4 After a resize the rows that the old lines now take are what is cleared.
 */
import { type DurationMs, durationMs, type Timers } from '@holdfast/kernel';
import { columnsOf } from '../columns.ts';

export interface PainterScreen {
  write(text: string): void;
  columns(): number;
}

export interface Painter {
  /** Permanent lines, above the live ones. */
  print(lines: readonly string[]): void;
  /** Asks for a frame soon: something changed. */
  changed(): void;
  /** Removes the live lines and stops; what was printed stays. */
  end(): void;
}

/** Starts painting what `frame` returns. `idle`: how often time alone asks for a frame. */
export function createPainter(screen: PainterScreen, timers: Timers, frame: () => readonly string[], idle: DurationMs = IDLE_MS): Painter {
  let shown: readonly string[] = [];
  let waiting: string[] = [];
  let cancel: (() => void) | undefined;
  let soon = false;
  let ended = false;

  const paint = (lines: readonly string[]): void => {
    if (waiting.length === 0 && lines.length === shown.length && lines.every((line, index) => line === shown[index])) return;
    screen.write(`${SYNC_ON}${redraw(shown, [...waiting, ...lines], screen.columns())}${SYNC_OFF}`);
    shown = lines;
    waiting = [];
  };
  const plan = (delay: DurationMs): void => {
    cancel?.();
    cancel = timers.set(delay, () => {
      cancel = undefined;
      soon = false;
      if (ended) return;
      paint(frame());
      plan(idle);
    });
  };
  const changed = (): void => {
    if (soon || ended) return;
    soon = true;
    plan(FRAME_MS);
  };
  plan(FRAME_MS);
  return {
    print(lines) {
      if (ended) return;
      waiting.push(...lines);
      changed();
    },
    changed,
    end() {
      if (ended) return;
      ended = true;
      cancel?.();
      paint([]);
    },
  };
}

/**
 * Moves to the first column of the first live line and writes over the old lines, row by row. Clearing the screen from there
 * instead would flicker, and some terminals save what they clear as history.
 */
function redraw(before: readonly string[], lines: readonly string[], columns: number): string {
  const width = Math.max(1, columns);
  const rowsOf = (some: readonly string[]): number => some.reduce((sum, line) => sum + Math.max(1, Math.ceil(columnsOf(line) / width)), 0);
  const rows = rowsOf(before);
  const rest = Math.max(0, rows - rowsOf(lines));
  const text = lines.map((line) => `${line}${CLEAR_REST}\n`).join('');
  const erased = rest === 0 ? '' : `${`${CLEAR_REST}\n`.repeat(rest)}\u001b[${rest}A`;
  return `${rows === 0 ? '' : `\u001b[${rows}A\r`}${text}${erased}`;
}

/** Ten frames a second: enough to look alive. */
const FRAME_MS = durationMs(100);
const IDLE_MS = durationMs(250);
const CLEAR_REST = '\u001b[K';
const SYNC_ON = '\u001b[?2026h';
const SYNC_OFF = '\u001b[?2026l';
