/** The result of one measurement. */
export interface Measurement {
  readonly name: string;
  readonly title: string;
  /** How it was measured, in a sentence or two of Markdown. */
  readonly how: string;
  readonly rows: readonly MedianRow[];
  readonly ratios: readonly Figure[];
}

/** One median, with all that it is the middle of. */
export interface MedianRow {
  readonly what: string;
  /** The quantity that was varied, such as the number of callers or of ended sessions. */
  readonly at: number | null;
  readonly unit: string;
  readonly median: number;
  readonly rounds: readonly number[];
}

/** A figure that has a target, or is worth having beside one. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit?: string;
  readonly target?: { readonly atLeast: number } | { readonly atMost: number };
}

/** Whether a target is met; null without one. */
export function isTargetMet({ value, target }: Figure): boolean | null {
  if (target === undefined) return null;
  return "atLeast" in target ? value >= target.atLeast : value <= target.atMost;
}

/** How much is measured. */
export interface BenchmarkSize {
  readonly rounds: number;
  /** How long each variant runs in a round, in milliseconds. */
  readonly roundMs: number;
  /** How many ended sessions lie behind. */
  readonly histories: readonly number[];
  readonly watchers: readonly number[];
}
