import { INLINE_BYTES_MAX, openState, sealState } from '@holdfast/checkpoint-store/envelope';
import type { Json } from '@holdfast/model';
import { expect, test } from 'vitest';

const small = Buffer.from('state');
const large = Buffer.alloc(INLINE_BYTES_MAX + 1, 'x');

test('E1 envelope: small -> inline; large -> a blob; both come back with their name', () => {
  const inline = sealState({ kind: 'file', name: 'model.pt', bytes: small });
  expect(inline.blob).toBeUndefined();
  expect(openState(inline.data)).toEqual({ ok: true, value: { kind: 'file', name: 'model.pt', bytes: small } });
  const sealed = sealState({ kind: 'json', bytes: large });
  expect(sealed.blob?.size).toBe(large.length);
  expect(openState(sealed.data)).toEqual({ ok: false, problem: 'absent' });
  expect(openState(sealed.data, large)).toEqual({ ok: true, value: { kind: 'json', bytes: large } });
});

test('E1 envelope: a bit changed, cut, longer, another digest -> damaged', () => {
  const { data } = sealState({ kind: 'file', bytes: small });
  const changed = (part: object): string | undefined => {
    const opened = openState({ ...(data as object), ...part } as Json);
    return opened.ok ? undefined : opened.problem;
  };
  expect(changed({ inline: Buffer.from('State').toString('base64') })).toBe('damaged');
  expect(changed({ inline: Buffer.from('stat').toString('base64') })).toBe('damaged');
  expect(changed({ size: 6 })).toBe('damaged');
  expect(changed({ digest: 'sha256-0' })).toBe('damaged');
  const sealed = sealState({ kind: 'json', bytes: large });
  expect(openState(sealed.data, large.subarray(1))).toEqual({ ok: false, problem: 'damaged' });
});

test('E2 envelope: of another version, or none -> unknown, never damaged', () => {
  for (const data of [null, 1, 'x', [], ['pieces'], {}, { v: 2, kind: 'file' }, { v: 1, kind: 'other' }] as Json[]) {
    expect(openState(data)).toEqual({ ok: false, problem: 'unknown' });
  }
});
