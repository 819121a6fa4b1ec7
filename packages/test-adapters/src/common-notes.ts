/** Sentences that several adapters say of what they take over. */
export const COVERAGE_LEFT_OUT = 'is left out: coverage is not collected from several processes yet';
export const REPORT_LEFT_OUT = 'is left out: Holdfast writes one report over all workers, see --report';
export const SHARD_LEFT_OUT = 'is left out: all files run, spread over the workers';
export const UPDATES_IN_PLACE = 'snapshots are updated in place: on this machine only';
