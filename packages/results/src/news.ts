/**
 * What is worth a permanent line while a run goes on, each thing once.
 *
 * N1 A file's failures are told once, when its last attempt has failed; an attempt that will be repeated gets one line.
 * N2 A lost worker is one line, however many files it held; the files themselves are not news.
 * N3 Passing is silent.
 */
import { caseTitle, failuresOf, type ShownFailure } from './failure-view.ts';
import type { Folded, RunFold } from './fold.ts';
import type { FileVerdict } from './grade.ts';
import type { LiveState } from './live-state.ts';
import { plainLine } from './plain-text.ts';
import type { RunEvent, WorkerTold } from './run-event.ts';
import type { Theme } from './theme.ts';
import { counted } from './verdict.ts';

export type News =
  | { readonly kind: 'failure'; readonly shown: ShownFailure }
  /** One line; `weight` chooses its glyph and colour. */
  | { readonly kind: 'line'; readonly weight: 'flaky' | 'lost' | 'good'; readonly text: string };

export interface NewsDesk {
  /** Call it before `live` takes the event: a lost worker is told with what it was running. */
  take(event: RunEvent, folded: Folded, fold: RunFold, live: LiveState): News[];
}

export function createNewsDesk(theme: Theme): NewsDesk {
  const told = new Set<number>();
  const away = new Set<string>();
  const notices = new Set<string>();
  return {
    take(event, folded, fold, live) {
      if (folded === 'repeated') return [];
      if (event.e === 'notice') return noticeNews(event.text, notices);
      if (event.e === 'worker') return workerNews(event, live.runningOn(event.worker), away);
      if (event.e !== 'finished' && event.e !== 'task') return [];
      if (told.has(event.n)) return [];
      if (event.e === 'task' && !MAY_SETTLE.has(event.state)) return [];
      const file = fold.file(event.n);
      if (!file) return [];
      if (file.grade !== 'pending') told.add(event.n);
      return fileNews(file, event, theme);
    },
  };
}

/** A reconnected stream may tell it again. */
function noticeNews(text: string, told: Set<string>): News[] {
  if (told.has(text)) return [];
  told.add(text);
  return [{ kind: 'line', weight: 'lost', text: plainLine(text) }];
}

function workerNews(event: WorkerTold, running: number, away: Set<string>): News[] {
  const name = plainLine(event.worker);
  const why = event.reason === undefined ? '' : `: ${plainLine(event.reason)}`;
  if (event.change === 'lost' && !away.has(event.worker)) {
    away.add(event.worker);
    const held = running > 0 ? `${why === '' ? ': ' : '; '}${counted(running, 'file')} will run elsewhere` : '';
    return [{ kind: 'line', weight: 'lost', text: `lost ${name}${why}${held}` }];
  }
  if (event.change === 'back' && away.delete(event.worker)) return [{ kind: 'line', weight: 'good', text: `${name} is back` }];
  if (event.change === 'left' && running > 0) {
    return [{ kind: 'line', weight: 'lost', text: `${name} left${why}; ${counted(running, 'file')} will run elsewhere` }];
  }
  return [];
}

function fileNews(file: FileVerdict, event: RunEvent, theme: Theme): News[] {
  const name = plainLine(file.name);
  const why = file.reason === undefined ? '' : `: ${plainLine(file.reason)}`;
  switch (file.grade) {
    case 'failed':
      return failuresOf(file, theme).map((shown) => ({ kind: 'failure', shown }));
    case 'flaky': {
      const flaky = file.cases.filter(({ grade }) => grade === 'flaky').map((one) => `${caseTitle(one, theme)}: passed on run ${one.runs}`);
      const lines = flaky.length > 0 ? flaky : [`${name}: passed on attempt ${file.attempts}`];
      return lines.map((text) => ({ kind: 'line', weight: 'flaky', text }));
    }
    case 'infra_lost':
      return [{ kind: 'line', weight: 'lost', text: `gave up on ${name}${why}` }];
    case 'pending':
      if (event.e !== 'finished' || event.result.outcome === 'passed') return [];
      return [{ kind: 'line', weight: 'lost', text: `${name}: ${attemptFailed(file)}, will run again` }];
    default:
      return [];
  }
}

function attemptFailed(file: FileVerdict): string {
  const failed = file.cases.filter(({ grade }) => grade === 'failed').length;
  return failed > 0 ? `${counted(failed, 'test')} failed on attempt ${file.attempts}` : `attempt ${file.attempts} failed`;
}

/** States in which a task may be settled by its own news rather than by a result. */
const MAY_SETTLE: ReadonlySet<string> = new Set(['passed', 'failed', 'errored', 'timed_out', 'dead_letter']);
