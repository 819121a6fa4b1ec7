import { type Clock, monoMs, wallMs } from '@holdfast/kernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLogSink } from '../src/log-sink.ts';
import { createMasker, maskPatterns } from '../src/mask.ts';

const still: Clock = { mono: () => monoMs(0), wall: () => wallMs(0) };
/** Few letters, so that secrets overlap with the text, with each other and with themselves. */
const letters = (minLength: number, maxLength: number) => fc.string({ unit: fc.constantFrom('a', 'b'), minLength, maxLength });

test('K1 K3 mask: any text, secrets and cuts -> as masked in one piece, and no secret in it', () => {
  fc.assert(
    fc.property(fc.array(letters(3, 7), { minLength: 1, maxLength: 3 }), fc.array(letters(0, 9), { maxLength: 12 }), (secrets, chunks) => {
      const patterns = maskPatterns(secrets);
      const streamed = createMasker(patterns, () => expect.unreachable());
      const whole = createMasker(patterns, () => expect.unreachable());
      const text = chunks.map((chunk) => streamed.push(chunk)).join('') + streamed.flush();
      expect(text).toBe(whole.push(chunks.join('')) + whole.flush());
      for (const secret of secrets) expect(text).not.toContain(secret);
    }),
  );
});

test('L1 log: any chunks within any limits -> offsets and counts account for every byte, in order', () => {
  const limits = fc.record({
    lineBytesMax: fc.integer({ min: 1, max: 12 }),
    bytesPerSecondMax: fc.integer({ min: 1, max: 60 }),
    bytesMax: fc.integer({ min: 0, max: 40 }),
  });
  const chunk = fc.tuple(
    fc.constantFrom('out' as const, 'err' as const),
    fc.string({ unit: fc.constantFrom('a', '\n', 'é', '😀'), maxLength: 12 }),
  );
  fc.assert(
    fc.property(limits, fc.array(chunk, { maxLength: 12 }), (limits, chunks) => {
      let end = 0;
      const sink = createLogSink(
        [],
        still,
        (offset, _stream, text) => {
          expect(offset).toBeGreaterThanOrEqual(end);
          expect(text).not.toContain('\ufffd');
          end = offset + Buffer.byteLength(text);
        },
        limits,
      );
      for (const [stream, text] of chunks) sink.push(stream, Buffer.from(text));
      sink.flush();
      const { bytes, droppedBytes } = sink.totals();
      expect(bytes).toBeLessThanOrEqual(limits.bytesMax);
      expect(bytes + droppedBytes).toBe(Buffer.byteLength(chunks.map(([, text]) => text).join('')));
      expect(end).toBeLessThanOrEqual(bytes + droppedBytes);
    }),
  );
});
