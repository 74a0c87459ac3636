/**
 * The time and device at which a draft's field was typed: a hybrid logical clock (Kulkarni et al., 2014) as text that
 * sorts, `milliseconds-counter-device`. A device that has seen a stamp never issues an older one.
 */
export type Stamp = string;

/** How far a stamp may be ahead of the reader's clock, in milliseconds. A stamp further ahead is set back to that clock. */
export const MAX_CLOCK_LEAD_MS = 60_000;

/** The next stamp of a device: after its clock (`nowMs`, milliseconds since 1970) and after each stamp it has seen. */
export function nextStamp(device: string, nowMs: number, newest?: Stamp): Stamp {
  const seenMs = newest === undefined ? -1 : Number(newest.slice(0, 15));
  if (Math.trunc(nowMs) > seenMs) return encode(nowMs, 0, device);
  const counter = Number.parseInt(newest!.slice(16, 20), 16) + 1;
  return counter > 0xffff ? encode(seenMs + 1, 0, device) : encode(seenMs, counter, device);
}

/** A stamp of the same device that is older than all others: any typed value wins over it. */
export function minStamp(stamp: Stamp): Stamp {
  return encode(0, 0, stampDevice(stamp));
}

/** The id of the device that issued a stamp. */
export function stampDevice(stamp: Stamp): string {
  return stamp.slice(21);
}

/** The newest stamp of each device, in their order. */
export function newestOfEach(stamps: readonly Stamp[]): Stamp[] {
  return Object.values(Object.fromEntries([...stamps].sort().map((at) => [stampDevice(at), at]))).sort();
}

/** The stamp that the reader accepts: a stamp from a clock that runs ahead must not win for ever. */
export function clampStamp(stamp: Stamp, nowMs: number): Stamp {
  return Number(stamp.slice(0, 15)) > nowMs + MAX_CLOCK_LEAD_MS ? encode(nowMs, 0, stampDevice(stamp)) : stamp;
}

function encode(ms: number, counter: number, device: string): Stamp {
  return `${String(Math.max(0, Math.trunc(ms))).padStart(15, "0")}-${counter.toString(16).padStart(4, "0")}-${device}`;
}
