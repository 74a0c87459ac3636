import { timingSafeEqual } from "node:crypto";
import { SessionsError } from "@sessions/core/internal";
import { chainHash, keyedChainHash } from "../postgres/chain-hash.ts";
import type { OwnerKeySet } from "./owner-keys.ts";
import { open, seal, type Place } from "./sealed.ts";

/** The part of a place that an owner's cipher does not know. */
export type PlaceOfOwner = Pick<Place, "kind" | "session" | "entry">;

/** What is sealed of a session: nothing, what is secret, or all that people typed and handlers returned. */
export type Scope = "nothing" | "sensitive" | "all";

/** Seals and opens what is kept of one owner, and hashes the owner's histories. It is used for one piece of work. */
export interface OwnerCipher {
  readonly scope: Scope;
  /** The newest generation of the owner's keys that it knows. 0 if it knows none. */
  readonly generation: number;
  seal(place: PlaceOfOwner, text: string): Uint8Array;
  /** @throws {SessionsError} `sealed_invalid`; `keys_missing` on a node without keys. */
  open(place: PlaceOfOwner, sealed: Uint8Array): string;
  /** Whether the owner began sessions before the keys, of which some may have chains without keys. */
  readonly acceptsPlain: boolean;
  /** The hash of an entry of a history, over the hash before it and the entry's text. */
  chainHash(before: Uint8Array | null, text: string): Uint8Array;
  /** Whether an entry has this hash. `atMs` is the time of the entry. */
  isChainHash(hash: Uint8Array, before: Uint8Array | null, text: string, atMs: number): boolean;
}

/** Everything is clear, and histories are chained by SHA-256. */
const clear: Omit<OwnerCipher, "open"> = {
  scope: "nothing",
  generation: 0,
  acceptsPlain: true,
  seal() {
    throw new Error("Nothing is sealed without keys.");
  },
  chainHash,
  isChainHash: (hash, before, text) => isSame(hash, chainHash(before, text)),
};

/** The cipher of every owner on a node without keys. */
export const keylessCipher: OwnerCipher = {
  ...clear,
  open({ session }) {
    const what = `Session ${session} is sealed with keys that this node does not have.`;
    throw new SessionsError("keys_missing", `${what} Give them in \`keys\`.`);
  },
};

/** The cipher of an owner of whom nothing is sealed. */
export const clearCipher: OwnerCipher = {
  ...clear,
  open({ session }) {
    throw new SessionsError("sealed_invalid", `Session ${session} is sealed, and its owner has no keys.`);
  },
};

/** A node that did not know yet that an owner has keys may write an entry so long after they were made. */
const LATE_MS = 60_000;

/** The cipher of an owner with keys. */
export function keyedCipher(
  schema: string,
  owner: string,
  keys: OwnerKeySet,
  scope: Exclude<Scope, "nothing">,
): OwnerCipher {
  const { generation, dataKeys, chainKey, plainUntilMs } = keys;
  const placeOf = (place: PlaceOfOwner): Place => ({ schema, owner, ...place });
  const keyedHash = (before: Uint8Array | null, text: string) => keyedChainHash(chainKey, before, text);
  return {
    scope,
    generation,
    acceptsPlain: plainUntilMs !== null,
    seal(place, text) {
      const key = dataKeys.get(generation);
      if (key === undefined) throw new Error("A writer's keys have one that seals.");
      return seal(key, generation, placeOf(place), text);
    },
    open: (place, sealed) => open((wanted) => dataKeys.get(wanted), placeOf(place), sealed),
    chainHash: keyedHash,
    isChainHash(hash, before, text, atMs) {
      if (isSame(hash, keyedHash(before, text))) return true;
      // Before the owner had keys, the chain had none.
      return plainUntilMs !== null && atMs < plainUntilMs + LATE_MS && clear.isChainHash(hash, before, text, atMs);
    },
  };
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}
