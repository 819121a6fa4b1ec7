/**
 * Reads TAP (versions 12 to 14) into case results.
 *
 * T1 A point that closes a subtest is that subtest's title; it is a case of its own only if it fails and none inside does.
 * T2 What was planned and did not come, a missing plan and `Bail out!` are errors: half a stream is never green.
 * T3 A comment in front of points names what they belong to, as tape writes it.
 *
 * Source: testanything.org, TAP version 14.
 */
import { bad, ok, type Result } from '@holdfast/kernel';
import type { CaseResult, Failure } from '@holdfast/model';
import { boundedFailure, boundedTitle } from './failure.ts';
import type { ReadResults } from './read-results.ts';

/** The results in a TAP stream; `file` is what the command was about. Bad: no TAP; the text completes "the results ...". */
export function parseTap(text: string, { file }: { readonly file: string }): Result<ReadResults, string> {
  const cases: CaseResult[] = [];
  const errors: Failure[] = [];
  const levels: Level[] = [newLevel('')];
  let block: Block | undefined;
  let last: Point | undefined;
  let spoke = false;

  const commit = (): void => {
    if (!last) return;
    const { path, failed, skipped, yaml, durationMs } = last;
    if (failed) for (const level of levels) level.failed = true;
    const failure = failed ? { failure: boundedFailure(messageOf(yaml) ?? path.at(-1) ?? '', yaml.join('\n')) } : {};
    cases.push({ path, file, grade: failed ? 'failed' : skipped ? 'skipped' : 'passed', durationMs, attempts: 1, ...failure });
    last = undefined;
  };
  const open = (depth: number): Level => {
    while (levels.length <= depth) {
      const outer = levels.at(-1)!;
      levels.push(newLevel(outer.next || outer.heading));
    }
    return levels[depth]!;
  };
  const close = (level: Level): void => {
    if (level.plan === undefined) errors.push(boundedFailure(`${level.title === '' ? 'the stream' : level.title} ends without a plan`));
    else if (level.plan !== level.points) {
      errors.push(
        boundedFailure(`${level.title === '' ? 'the stream' : level.title} planned ${level.plan} tests and told of ${level.points}`),
      );
    }
  };

  for (const line of text.split(/\r?\n/)) {
    const depth = Math.floor((/^ */.exec(line)?.[0].length ?? 0) / 4);
    const said = line.trimStart();
    if (block) {
      if (said === '...') block = undefined;
      else if (last) {
        last.yaml.push(line.slice(block.indent));
        const took = /^duration_ms:\s*([\d.]+)/.exec(said);
        if (took) last.durationMs = Number(took[1]);
      }
      continue;
    }
    if (said === '---') {
      block = { indent: line.length - said.length };
      continue;
    }
    const plan = /^1\.\.(\d+)(?:\s*#.*)?$/.exec(said);
    const point = /^(not )?ok\b(?:\s+(\d+))?(?:\s+-)?\s*(.*?)(?:\s+#\s*(skip|todo)\b.*)?$/i.exec(said);
    const comment = /^# (?:Subtest: )?(.*)$/.exec(said);
    if (!plan && !point && !comment && !said.startsWith('Bail out!')) continue;
    spoke ||= plan !== null || point !== null;
    if (said.startsWith('Bail out!')) {
      commit();
      errors.push(boundedFailure(said));
    } else if (comment) {
      if (said.startsWith('# Subtest: ') && depth >= levels.length - 1) open(depth).next = boundedTitle(comment[1]!);
      else if (!TALLY.test(comment[1]!) && depth < levels.length) levels[depth]!.heading = boundedTitle(comment[1]!);
    } else {
      commit();
      open(depth);
      let closed: Level | undefined;
      while (levels.length > depth + 1) close((closed = levels.pop()!));
      const level = levels[depth]!;
      if (plan) level.plan = Number(plan[1]);
      else if (point) {
        level.points += 1;
        const title = boundedTitle(unescaped(point[3]!) || closed?.title || `test ${point[2] ?? level.points}`);
        const failed = point[1] !== undefined && point[4] === undefined;
        if (closed && (!failed || closed.failed)) continue;
        const headings = levels.slice(1).map((each) => each.title);
        const path = [...headings, ...(level.heading === '' || closed ? [] : [level.heading]), title].filter((each) => each !== '');
        last = { path, failed, skipped: point[4] !== undefined, yaml: [], durationMs: 0 };
      }
    }
  }
  commit();
  if (!spoke) return bad('are no TAP');
  for (const level of levels.toReversed()) close(level);
  return ok({ cases, errors });
}

interface Level {
  readonly title: string;
  plan: number | undefined;
  points: number;
  failed: boolean;
  /** The last comment: what the points after it belong to. */
  heading: string;
  /** The subtest that was announced. */
  next: string;
}

interface Point {
  readonly path: readonly string[];
  readonly failed: boolean;
  readonly skipped: boolean;
  readonly yaml: string[];
  durationMs: number;
}

interface Block {
  readonly indent: number;
}

const newLevel = (title: string): Level => ({ title, plan: undefined, points: 0, failed: false, heading: '', next: '' });

const unescaped = (text: string): string => text.replace(/\\([#\\])/g, '$1').trim();

/** The message in a YAML block, as runners write it: `message: "..."`, or `operator` with both sides. */
function messageOf(yaml: readonly string[]): string | undefined {
  const at = yaml.findIndex((line) => /^\s*(message|error):/.test(line));
  if (at < 0) return undefined;
  const inline = yaml[at]!.replace(/^\s*\w+:\s*/, '').replace(/^["']|["']$/g, '');
  return /^[|>]-?$/.test(inline) || inline === '' ? yaml[at + 1]?.trim() : inline;
}

/** What runners count at the end, in comments. */
const TALLY = /^(tests?|suites|pass|fail|cancelled|skipped|skip|todo|duration_ms|ok|time=.*)\b/;
