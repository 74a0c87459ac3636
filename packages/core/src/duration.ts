/** A length of time: a whole number of minutes, hours or days, as in `"30m"`, `"72h"`, `"30d"`. */
export type Duration = `${number}${"m" | "h" | "d"}`;

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A duration in milliseconds. It is undefined if the text is not a duration. */
export function durationMs(duration: string): number | undefined {
  const match = /^([1-9]\d{0,5})([mhd])$/.exec(duration);
  return match ? Number(match[1]) * unitMs[match[2] as keyof typeof unitMs] : undefined;
}
