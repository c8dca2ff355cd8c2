/** How the learning rate rises and falls, counted in updates. */
export interface ScheduleOptions {
  /** Updates during which the rate rises from 0. Default 0. */
  readonly warmupSteps?: number;
  /** Updates after which the rate is 0 again. */
  readonly totalSteps: number;
}

/**
 * Linear warm-up and linear decay (Devlin et al. 2019, §A.2), what the learning rate is multiplied by:
 *
 *     s / W  for s < W        (N − s) / (N − W)  from there on, 0 from s = N
 *
 * as Hugging Face's get_linear_schedule_with_warmup. Google's code decays by 1 − s / N instead, so it drops a little at
 * s = W.
 *
 * @param step s: how many updates were made before this one
 */
export function linearSchedule(step: number, { warmupSteps = 0, totalSteps }: ScheduleOptions): number {
  if (step < warmupSteps) return step / warmupSteps;
  return Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
}
