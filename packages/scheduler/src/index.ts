export type { Explanation, FitLevel, Placement, Scheduler, SchedulerOptions, SchedulerTask, SchedulerWorker } from './contract.ts';
export { createDurations, type Durations, type DurationSample, median, type Prediction, PRIOR_MS, speedOf } from './durations.ts';
export {
  type Feasibility,
  feasibility,
  type Forecast,
  forecast,
  type ForecastOrder,
  type ForecastStep,
  type ForecastWorker,
} from './forecast.ts';
export {
  type FlowState,
  longestFirst,
  type OrderedTask,
  PRIORITY_STEP,
  STRATEGIES,
  type Strategy,
  type StrategyName,
  TAG_UNIT,
} from './order.ts';
export { createScheduler } from './scheduler.ts';
export { lowerBoundMs, type Part, splitEvenly, type SplitItem } from './split.ts';
export { chooseStragglers, type HedgeOptions, type RunningTask } from './stragglers.ts';
export { learn, NO_HISTORY, suitability, type WorkerHistory } from './suitability.ts';
