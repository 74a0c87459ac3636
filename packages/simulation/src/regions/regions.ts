/** Where nodes, databases and people are. */
export const regions = ["Dublin", "Virginia", "Singapore"] as const;
export type Region = (typeof regions)[number];

/** The way there and back between two regions, in milliseconds. Public clouds publish about these numbers. */
const ROUND_TRIP_MS: Readonly<Record<string, number>> = {
  "Dublin Virginia": 80,
  "Dublin Singapore": 180,
  "Singapore Virginia": 250,
};

/** The way there and back between two machines of one region, in milliseconds. */
const INSIDE_MS = 1;

/** The way there and back, in milliseconds. */
export function roundTripMs(from: Region, to: Region): number {
  return from === to ? INSIDE_MS : ROUND_TRIP_MS[[from, to].sort().join(" ")]!;
}
