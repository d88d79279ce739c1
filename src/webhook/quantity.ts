/** Reads Kubernetes' quantities as numbers that can be compared. Pure. */
import type { Json } from './json.ts'

const FACTORS: Record<string, number> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}
/** Divided by rather than multiplied with, so that `300m` is exactly `0.3`. */
const DIVISORS: Record<string, number> = { n: 1e9, u: 1e6, m: 1e3 }

/** @returns undefined where `value` is no quantity (k8s.io/apimachinery/pkg/api/resource) */
export function readQuantity(value: Json | undefined): number | undefined {
  const [, digits, exponent, unit = ''] =
    /^\+?(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d+)|([A-Za-z]{0,2}))$/.exec(String(value)) ?? []
  if (digits === undefined) return undefined
  if (exponent !== undefined) return Number(digits + exponent)
  const [factor, divisor] = [FACTORS[unit], DIVISORS[unit]]
  if (divisor !== undefined) return Number(digits) / divisor
  return factor === undefined ? undefined : Number(digits) * factor
}
