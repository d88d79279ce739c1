/** What a measurement is: a function whose result is printed as one JSON object. Pure. */

/** `bench/measurements/<name>.ts` exports it as `measure`. */
export type Measure = (options: MeasureOptions) => Promise<object>

export interface MeasureOptions {
  /** What stands after the name on the command line. */
  args: readonly string[]
  /** Tells a person what is going on. */
  say(line: string): void
}
