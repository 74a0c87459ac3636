import type { KeyType } from "../projections/source.ts";

// The tables are named here, and not in the parts of the server that own them: an operator erases a person without knowing
// which parts an application uses. A test compares this list with all tables that the migrations make.

/** A table with rows of owners. Names are parts of SQL: they never hold anything that came from a person. */
export interface PersonalTable {
  readonly name: string;
  /** The columns of the primary key beside the owner. Rows are deleted and exported in this order. */
  readonly key: Readonly<Record<string, KeyType | "date">>;
  /** The columns that an export holds; null if none does. Secrets, their hashes and numbers of the machinery are left out. */
  readonly exported: readonly string[] | null;
  /** A condition that a row must meet to be erased. */
  readonly erasedIf?: string;
}

/** The projections that follow {@link erasures} have streams of owners. What they have done of an erasure stays. */
const ofAnotherStream = "stream_id <> owner_id";

const signIn = ["id", "device", "place", "factors", "guest_session", "since", "proved_at", "last_used_at"];
const span = ["activity", "started_at", "last_at", "events", "counts"];

/** The tables whose rows of an owner an erasure deletes, in pages. */
export const personalTables: readonly PersonalTable[] = [
  {
    name: "visit_data",
    key: { sign_in_id: "uuid", key: "text" },
    exported: ["sign_in_id", "key", "value", "changed_at", "expires_at"],
  },
  {
    name: "visit_data_conflict",
    key: { sign_in_id: "uuid", key: "text", visitor_id: "text" },
    exported: ["sign_in_id", "key", "value", "adopted_at"],
  },
  { name: "hand_off_offer", key: { letters_hash: "text" }, exported: ["session_id", "flow", "step", "expires_at"] },
  {
    name: "hand_off_request",
    key: { id: "text" },
    exported: ["device", "place", "asked_at", "expires_at", "session_id", "flow", "step"],
  },
  {
    name: "sign_in_archive",
    key: { id: "uuid", ended_at: "timestamptz" },
    exported: [...signIn, "ended_at", "ending"],
  },
  {
    name: "activity_event",
    key: { at: "timestamptz", id: "uuid" },
    exported: ["at", "id", "name", "data", "received_at"],
  },
  { name: "activity_session", key: { activity: "text", started_at: "timestamptz" }, exported: span },
  { name: "activity_session_archive", key: { activity: "text", started_at: "timestamptz" }, exported: span },
  { name: "activity_late", key: { activity: "text", day: "date" }, exported: ["activity", "day", "events"] },
  { name: "funnel_session", key: { session_id: "uuid" }, exported: ["session_id", "state"] },
  {
    name: "projection_fault",
    key: { projection: "text", build: "integer", stream_id: "text" },
    exported: null,
    erasedIf: ofAnotherStream,
  },
  {
    name: "projection_progress",
    key: { projection: "text", build: "integer", stream_id: "text" },
    exported: null,
    erasedIf: ofAnotherStream,
  },
  { name: "device", key: { id: "uuid" }, exported: ["id", "name", "first_seen_at", "last_seen_at"] },
];

/** The tables that an erasure handles by statements of their own, and that an export reads like the others. */
export const otherTables: readonly PersonalTable[] = [
  { name: "sign_in", key: { id: "uuid" }, exported: [...signIn, "ends_at"] },
  {
    name: "sign_in_event",
    key: { sign_in_id: "uuid", entry: "integer", at: "timestamptz" },
    exported: ["sign_in_id", "entry", "at", "body"],
  },
  { name: "erased_session", key: { session_id: "uuid" }, exported: ["flow", "status", "ended_at"] },
  { name: "erasure", key: { number: "integer" }, exported: ["number", "at"] },
];

/** The tables of sessions. They are exported by who knows flows. */
export const sessionTables = ["session", "session_archive", "session_event"] as const;

/**
 * The tables whose rows of an owner stay. They hold no value that the person gave: the owner's row with its lock, the
 * wrapped key of the histories, which opens nothing, the begun erasures, and what operators did.
 */
export const keptTables = ["owner", "owner_key", "erasure_begun", "dashboard_audit", "projection_audit"] as const;
