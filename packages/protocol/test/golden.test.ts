import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import { coordinatorFrame, coordinatorMessage, decodeFrame, encodeFrame, readMessage, workerFrame, workerMessage } from '../src/index.ts';

interface Golden {
  readonly from: 'worker' | 'coordinator';
  readonly text: string;
}

const folder = new URL('golden/', import.meta.url);
const goldens = readdirSync(folder)
  .sort()
  .flatMap((name) => readFileSync(new URL(name, folder), 'utf8').trim().split('\n'))
  .map((line) => JSON.parse(line) as Golden);

const schemas = {
  worker: { frame: workerFrame, message: workerMessage },
  coordinator: { frame: coordinatorFrame, message: coordinatorMessage },
} as const;

test('golden v1: every frame and message of the released version -> read without loss, frames written as they were', () => {
  for (const { from, text } of goldens) {
    const decoded = decodeFrame<z.infer<typeof workerFrame> | z.infer<typeof coordinatorFrame>>(text, schemas[from].frame);
    expect(decoded, text.slice(0, 80)).toEqual({ ok: true, value: JSON.parse(text) });
    if (!decoded.ok) continue;
    if (decoded.value.f !== 'data') expect(encodeFrame(decoded.value)).toBe(text);
    else
      for (const [, payload] of decoded.value.m)
        expect(readMessage<unknown>(payload, schemas[from].message)).toEqual({ ok: true, value: payload });
  }
});

test('golden v1: the file -> holds every type that the schemas know', () => {
  for (const from of ['worker', 'coordinator'] as const) {
    const frames = goldens
      .filter((golden) => golden.from === from)
      .map(({ text }) => JSON.parse(text) as { f: string; m?: [number, { t: string }][] });
    const messages = frames.flatMap(({ m }) => (m ?? []).map(([, { t }]) => t));
    expect(new Set(frames.map(({ f }) => f))).toEqual(new Set(schemas[from].frame.options.map((option) => option.shape.f.value)));
    expect(new Set(messages)).toEqual(new Set(schemas[from].message.options.map((option) => option.shape.t.value)));
  }
});

test('golden v1: a later version adds fields -> this reader ignores them', () => {
  for (const { from, text } of goldens) {
    const later = text.replace(/^\{/, '{"later":{"x":[1]},');
    expect(decodeFrame<unknown>(later, schemas[from].frame)).toEqual({ ok: true, value: JSON.parse(text) });
  }
});
