import fc from 'fast-check';
import { expect, test } from 'vitest';
import { githubAnnotations, inertLine, markdownSummary, verdict } from '../src/index.ts';
import { ended, finished, folded, listed, lost } from './events.ts';

test('markdown: a run with everything', () => {
  const fold = folded([finished(1, 1, 'a-'), finished(2, 1, 'a~'), lost(3, 1), listed(4), ended(4)]);
  expect(markdownSummary(fold, { verdict: verdict(fold), wallMs: 1000, title: 'shop' })).toBe(
    [
      '## ❌ shop: 1 test failed in 1 file',
      '',
      '| | passed | failed | flaky | skipped | known bad | lost | not proven | total |',
      '|---|--:|--:|--:|--:|--:|--:|--:|--:|',
      '| Files | 0 | 1 | 1 | 0 | 0 | 1 | 1 | 4 |',
      '| Tests | 0 | 1 | 1 | 0 | 0 | 0 | 0 | 2 |',
      '',
      'Took 1.0 s; one after another 0.2 s.',
      '',
      '<details><summary>test/1.test.ts&#58;3 › a</summary>',
      '',
      '<pre>a broke</pre>',
      '</details>',
      '',
      '- flaky: test/2.test.ts&#58;3 › a',
      '',
      '- lost: task 3: every attempt was lost&#58; no heartbeat',
      '',
      '- not proven: test/4.test.ts: never started',
      '',
    ].join('\n'),
  );
});

test('K1 markdown: more than fits -> cut at a whole entry, the rest counted, never above the limit', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 300 });
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1000, max: 6000 }), (texts, bytesMax) => {
      const events = texts.map((message, index) => finished(index + 1, 1, '', { outcome: 'errored', errors: [{ message }] }));
      const fold = folded([...events, ended(texts.length)]);
      const summary = markdownSummary(fold, { verdict: verdict(fold), wallMs: 1, bytesMax });
      expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(bytesMax);
      const entries = summary.match(/<details>/g)?.length ?? 0;
      const dropped = Number(/… and (\d+) more: /.exec(summary)?.[1] ?? 0);
      expect(entries + dropped).toBe(texts.length);
    }),
  );
});

test('K2 markdown: hostile texts -> inert', () => {
  const evil = '</pre></details><script>x</script> @team #1 **b** [l](http://x) | `c`';
  const fold = folded([listed(1, { name: evil }), finished(1, 1, '', { outcome: 'errored', reason: evil }), ended(1)]);
  const body = markdownSummary(fold, { verdict: verdict(fold), wallMs: 1 });
  expect(body).not.toMatch(/<script|@team|\*\*b|\]\(/);
  expect(body.match(/<\/details>/g)).toHaveLength(1);
});

test('annotations: at most ten, on the line, escaped', () => {
  const fold = folded([...Array.from({ length: 12 }, (_, index) => finished(index + 1, 1, 'a-')), ended(12)]);
  const lines = githubAnnotations(fold);
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe('::error file=test/1.test.ts,line=3,title=test/1.test.ts%3A3 › a::a broke');
  const evil = folded([finished(1, 1, '', { outcome: 'errored', errors: [{ message: 'one\n::stop-commands::x\r100%' }] }), ended(1)]);
  expect(githubAnnotations(evil)).toEqual(['::error title=task 1::one%0A::stop-commands::x%0A100%25']);
});

test.each([
  ['  ::stop-commands::x', '  :\u200b:stop-commands::x'],
  ['##vso[task.complete]', '#\u200b#vso[task.complete]'],
  ['see ##[error]x', 'see #\u200b#[error]x'],
  ['a::b ## c', 'a::b ## c'],
])('log line %j -> no command of a CI service', (line, inert) => {
  expect(inertLine(line)).toBe(inert);
});
