/** Many seeds: failures with all that is needed to replay them, what was covered, and how fast. */
import { simulate, type SimulationResult } from './simulate.ts';

export interface Campaign {
  /** A number: seeds count on from it. Any other text: that one seed. */
  readonly first: string;
  readonly runs: number;
  readonly verbose?: (line: string) => void;
  /** Stop after so many failing seeds (default 1). */
  readonly failuresMax?: number;
}

export interface Failure {
  readonly seed: string;
  readonly checker: string;
  readonly message: string;
}

export interface CampaignReport {
  readonly failures: readonly Failure[];
  readonly runs: number;
  /** Things judged, by checker, over all seeds. */
  readonly samples: Readonly<Record<string, number>>;
  readonly injected: Readonly<Record<string, number>>;
  readonly virtualHours: number;
  readonly cpuSeconds: number;
  readonly text: string;
}

/** Runs the seeds one after another. 1 % of them run twice: a seed that tells two stories is a failure. */
export function simulateMany(campaign: Campaign): CampaignReport {
  const failures: Failure[] = [];
  const samples: Record<string, number> = {};
  const injected: Record<string, number> = {};
  const covered: Record<string, number> = {};
  const texts: string[] = [];
  const totals = { virtualMs: 0, tasks: 0, transitions: 0, events: 0, runs: 0 };
  const start = process.cpuUsage();
  const counts = /^\d+$/.test(campaign.first);
  for (let index = 0; index < campaign.runs && failures.length < (campaign.failuresMax ?? 1); index += 1) {
    const seed = counts ? String(Number(campaign.first) + index) : campaign.first;
    const result = simulate(seed, campaign.verbose);
    totals.runs += 1;
    totals.virtualMs += result.virtualMs;
    totals.tasks += result.tasks;
    totals.transitions += result.transitions;
    totals.events += result.events;
    add(samples, result.samples);
    add(injected, result.injected);
    add(covered, result.covered);
    const twice = index % 100 === 0 ? simulate(seed) : undefined;
    if (twice && twice.hash !== result.hash) {
      failures.push({ seed, checker: 'determinism', message: `hash ${result.hash}, then ${twice.hash}` });
      texts.push(`seed ${seed} told two stories: hash ${result.hash}, then ${twice.hash}`);
    } else if (result.violation) {
      failures.push({ seed, ...result.violation });
      texts.push(describe(seed, result));
    }
  }
  for (const [name, count] of Object.entries(samples)) {
    if (count > 0 || totals.runs < SEEDS_FOR_COVERAGE) continue;
    failures.push({ seed: campaign.first, checker: name, message: `judged nothing in ${totals.runs} seeds` });
    texts.push(`${name} judged nothing in ${totals.runs} seeds`);
  }
  const used = process.cpuUsage(start);
  const cpuSeconds = (used.user + used.system) / 1e6;
  const virtualHours = totals.virtualMs / 3_600_000;
  texts.push(
    `${totals.runs} seeds, ${failures.length} failed; ${virtualHours.toFixed(2)} virtual hours, ${(virtualHours / cpuSeconds).toFixed(2)} per CPU-second`,
    `${totals.tasks} tasks, ${totals.transitions} transitions, ${totals.events} events; ${Math.round(totals.transitions / cpuSeconds)} transitions per CPU-second`,
    `faults: ${list(injected)}`,
    `judged: ${list(samples)}`,
    `covered: ${list(covered)}`,
  );
  return { failures, runs: totals.runs, samples, injected, virtualHours, cpuSeconds, text: texts.join('\n') };
}

function describe(seed: string, result: SimulationResult): string {
  return [
    `seed ${seed} violates ${result.violation!.message}`,
    `options ${JSON.stringify(result.options)}`,
    'the last events:',
    ...result.story,
    `replay: node scripts/dev.mjs exec pnpm simulate --seed ${seed}`,
  ].join('\n');
}

function add(sums: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(more)) sums[name] = (sums[name] ?? 0) + count;
}

const list = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

const SEEDS_FOR_COVERAGE = 50;
