/** Medians and spreads of few numbers, and ratios of times that were taken side by side. */

/** The number below which a part of them lies, between two of them where it has to be. */
export function quantile(numbers, part) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const place = part * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

export function median(numbers) {
  return quantile(numbers, 0.5);
}

/** Median and quartiles; undefined of none. */
export function summary(numbers) {
  if (numbers.length === 0) return undefined;
  return { median: median(numbers), low: quantile(numbers, 0.25), high: quantile(numbers, 0.75) };
}

/**
 * How many times as fast `own` was as `base`, round by round: what disturbs a round disturbs both of its sides. Rounds
 * that only one of them ran in are left out.
 */
export function ratios(own, base) {
  return own.flatMap((time, round) => (time === null || base[round] === null ? [] : [base[round] / time]));
}

/** The times of the rounds that were run. */
export function timesOf(rounds) {
  return rounds.filter((time) => time !== null);
}
