import { z } from "zod";
import { chainHash } from "../postgres/chain-hash.ts";
import type { StoredCount } from "../postgres/owner.ts";

// How many sessions an owner has begun. `verify` compares it with the histories that are there, so it finds a session that
// was removed or added together with its whole history.

/** A session that began. */
export interface BegunSession {
  readonly id: string;
  /** When it began, as ISO 8601. */
  readonly at: string;
}

/** The sessions that began in some months: from `from` to the next span. */
export interface CountedSpan {
  /** As in "2026-11". */
  readonly from: string;
  readonly sessions: number;
  /** Exclusive or of their ids, as an id: that of the only one, if there is one. */
  readonly ids: string;
}

export interface SessionCount {
  /** Whether its hash needs the owner's key. */
  readonly keyed: boolean;
  /** Whether the owner began sessions before the keys, of which some may still have plain histories. */
  readonly plain: boolean;
  /** The oldest one first. */
  readonly spans: readonly CountedSpan[];
}

/** What makes the hash of a count: a cipher, or a key alone. */
export interface CountHasher {
  chainHash(before: Uint8Array | null, text: string): Uint8Array;
}

export const emptyCount: SessionCount = { keyed: false, plain: false, spans: [] };

/** More months share the oldest span, so a row stays small. */
const MOST_SPANS = 24;

const countSchema = z.object({
  keyed: z.boolean(),
  plain: z.boolean(),
  spans: z.array(z.object({ from: z.string(), sessions: z.int(), ids: z.string().regex(/^[\da-f-]{36}$/) })),
});

export function storeCount(hasher: CountHasher, owner: string, count: SessionCount): StoredCount {
  const text = JSON.stringify(count);
  return { text, hash: hasher.chainHash(null, hashedText(owner, text)) };
}

/** The count that is stored; null if somebody has changed it. */
export function readCount(hasher: CountHasher, owner: string, { text, hash }: StoredCount): SessionCount | null {
  const isWhole = Buffer.compare(hasher.chainHash(null, hashedText(owner, text)), hash) === 0;
  return isWhole ? parseCount(text) : null;
}

/**
 * The count of an owner who gets keys. Null if somebody has changed it before: then it stays, so that `verify` finds it.
 */
export function keyCount(keyed: CountHasher, owner: string, before: StoredCount | null): StoredCount | null {
  const count = before === null ? emptyCount : readCount({ chainHash }, owner, before);
  if (count === null) return null;
  return storeCount(keyed, owner, { ...count, keyed: true, plain: count.spans.length > 0 });
}

/** Whether the text of a count says that its hash needs a key. */
export function saysKeyed({ text }: StoredCount): boolean {
  return parseCount(text)?.keyed === true;
}

/** Adds sessions, or takes them out: they went to another owner. */
export function countSessions(count: SessionCount, begun: readonly BegunSession[], sign: 1 | -1 = 1): SessionCount {
  const spans = count.spans.map((span) => ({ ...span }));
  for (const { id, at } of begun) {
    const month = at.slice(0, "2026-11".length);
    let place = spans.findLastIndex(({ from }) => from <= month);
    // Months in the middle belong to the span before them.
    if (place === -1 || (place === spans.length - 1 && spans[place]!.from !== month)) {
      place += 1;
      spans.splice(place, 0, { from: month, sessions: 0, ids: NO_IDS });
    }
    const { from, sessions, ids } = spans[place]!;
    spans[place] = { from, sessions: sessions + sign, ids: combineIds(ids, id) };
  }
  const kept = spans.filter(({ sessions, ids }) => sessions !== 0 || ids !== NO_IDS);
  while (kept.length > MOST_SPANS) {
    const [first, second] = kept.splice(0, 2) as [CountedSpan, CountedSpan];
    const { from } = first;
    kept.unshift({ from, sessions: first.sessions + second.sessions, ids: combineIds(first.ids, second.ids) });
  }
  return { ...count, spans: kept };
}

/** The sum of no ids. */
export const NO_IDS = "00000000-0000-0000-0000-000000000000";

/** The exclusive or of two ids, as an id. */
export function combineIds(left: string, right: string): string {
  const [one, other] = [bytesOf(left), bytesOf(right)];
  const hex = Buffer.from(one.map((byte, index) => byte ^ other[index]!)).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function bytesOf(id: string): Buffer {
  return Buffer.from(id.replaceAll("-", ""), "hex");
}

/** No entry of a history has such a text: those are objects. */
function hashedText(owner: string, text: string): string {
  return JSON.stringify(["sessions begun 1", owner, text]);
}

function parseCount(text: string): SessionCount | null {
  try {
    return countSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
