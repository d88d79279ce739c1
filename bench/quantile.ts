/** Reads medians and other quantiles out of samples. Pure. */

/**
 * The value that the share `q` of the samples does not exceed: the nearest rank, so it is one that was measured.
 * @param q from 0 to 1
 * @throws RangeError without samples
 */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]
  if (value === undefined) throw new RangeError('there is no quantile of nothing')
  return value
}

export const median = (samples: readonly number[]) => quantile(samples, 0.5)
