import type { Stored } from "../stored.ts";
import type { Receipts } from "../receipts.ts";
import type { State } from "./tables.ts";

/** What the hot table and the archive have in common. */
export const columns = ["id", "flow", "version", "revision", "state", "receipts", "entry", "hash"] as const;

interface Row {
  readonly id: string;
  readonly flow: string;
  readonly version: number;
  readonly revision: number;
  readonly state: State;
  readonly receipts: Receipts;
  readonly entry: number;
  readonly hash: Uint8Array;
}

export function fromRow({ id, flow, version, revision, state, receipts, entry, hash }: Row): Stored {
  return { snapshot: { id, flow, version, revision, ...state }, receipts, entry, hash };
}
