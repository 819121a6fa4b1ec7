import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPainter } from '../src/io/painter.ts';
import { createTestScreen } from './screen.ts';
import { createVirtualTime } from './virtual-time.ts';

test('painter: any prints and frames -> what was printed, then the last frame; after the end only what was printed', () => {
  const lines = fc.array(fc.constantFrom('', 'short', 'x'.repeat(19), 'm'.repeat(45)), { maxLength: 5 });
  const live = fc.array(fc.constantFrom('', 'live', 'y'.repeat(19)), { maxLength: 6 });
  fc.assert(
    fc.property(fc.array(fc.record({ lines, live })), (steps) => {
      const time = createVirtualTime();
      const screen = createTestScreen(20, 8);
      let frame: readonly string[] = [];
      const painter = createPainter(screen, time.timers, () => frame);
      const printed: string[] = [];
      for (const step of steps) {
        painter.print(step.lines);
        printed.push(...step.lines);
        frame = step.live;
        time.pass(250);
        expect(screen.lines()).toEqual([...wrapped(printed), ...frame]);
      }
      painter.print(['last']);
      painter.end();
      expect(screen.lines()).toEqual([...wrapped(printed), 'last']);
      expect(time.waiting()).toBe(0);
    }),
  );
});

const wrapped = (lines: readonly string[]): string[] => lines.flatMap((line) => line.match(/.{1,20}/g) ?? ['']);

test('P1 painter: a thousand changes in a second -> at most ten frames; nothing new -> nothing written', () => {
  const time = createVirtualTime();
  const screen = createTestScreen(80, 24);
  let count = 0;
  const painter = createPainter(screen, time.timers, () => [`count ${count}`]);
  for (let index = 0; index < 1000; index += 1) {
    count += 1;
    painter.changed();
    time.pass(1);
  }
  expect(screen.writes).toBeLessThanOrEqual(10);
  expect(screen.writes).toBeGreaterThanOrEqual(9);
  time.pass(100);
  const before = screen.writes;
  time.pass(60_000);
  expect(screen.writes).toBe(before);
  painter.end();
  painter.end();
  painter.print(['late']);
  time.pass(1000);
  expect(screen.lines()).toEqual([]);
});

test('P4 painter: the terminal became narrower -> the rows that the old frame wraps into are overwritten', () => {
  const time = createVirtualTime();
  let columns = 20;
  const written: string[] = [];
  const screen = { write: (text: string) => void written.push(text), columns: () => columns };
  let frame = ['z'.repeat(19)];
  createPainter(screen, time.timers, () => frame);
  time.pass(100);
  columns = 10;
  frame = ['new'];
  time.pass(250);
  expect(written.at(-1)).toBe('\u001b[?2026h\u001b[2A\rnew\u001b[K\n\u001b[K\n\u001b[1A\u001b[?2026l');
});
