import type { ColumnType, RawBuilder } from "kysely";
import type { OwnerTables } from "../../postgres/tables.ts";
import type { BytesColumn, JsonColumn, TimeColumn, TransactionIdColumn } from "../../postgres/values.ts";

/** Why a sign-in has ended. */
export type EndReason =
  | "signed_out"
  | "revoked"
  | "displaced"
  | "expired"
  | "secret_reused"
  | "replaced"
  /** Of a guest: the session has ended. */
  | "session_ended"
  /** Of a guest: another device used the code too. */
  | "code_reused";

/** What happened to a sign-in. */
export type HistoryKind = "signed_in" | "handed_off" | "proved" | "bound" | "signal" | EndReason;

interface SignInColumns {
  owner_id: string;
  id: string;
  device: string;
  place: string | null;
  factors: JsonColumn;
  /** The only session of a guest; null for a sign-in of the owner's own. */
  guest_session: string | null;
  since: TimeColumn;
  proved_at: TimeColumn;
  last_used_at: TimeColumn;
  /** What decides about a token: `rotation-bytes.ts` says how. */
  rotation: BytesColumn;
  /** The number of the newest history entry. */
  entry: number;
  /** That entry's hash. */
  hash: BytesColumn;
}

export interface SignInTable extends SignInColumns {
  ends_at: TimeColumn;
  /** The value that mutations send back. */
  csrf: BytesColumn;
  /** The device that the sign-in is bound to: `binding-bytes.ts` says how. Null if it is bound to none. */
  binding: ColumnType<never, RawBuilder<string> | null, RawBuilder<string> | null>;
  /** Raised by one with each change of `rotation`. */
  revision: number;
  /** How often the sign-ins of everybody had been ended when this one began. */
  epoch: number;
  /** An hour in which the sweep looks at the row: not after the hour of `ends_at`. Only the sweep changes it. */
  sweep_bucket: TimeColumn;
}

export interface SignInArchiveTable extends SignInColumns {
  ended_at: TimeColumn;
  ending: EndReason;
}

export interface SignInEventTable {
  owner_id: string;
  sign_in_id: string;
  entry: number;
  at: TimeColumn;
  /** Whether an older copy of the sign-in is wrong after this entry. */
  invalidates: ColumnType<never, RawBuilder<boolean>, RawBuilder<boolean>>;
  body: JsonColumn;
  hash: BytesColumn;
  /** The transaction that wrote the row. Projections find new rows by it. */
  xid: TransactionIdColumn;
}

export interface VisitDataTable {
  owner_id: string;
  /** The sign-in whose value it is. `data.ts` says what stands for the owner's own. */
  sign_in_id: string;
  key: string;
  /** Raised by one with each change. */
  version: number;
  /** Null if the value was removed. */
  value: ColumnType<never, RawBuilder<string> | null, RawBuilder<string> | null>;
  /** The change that made this version. */
  change_id: string;
  changed_at: TimeColumn;
  /** When the sweep deletes a visitor's value; null for a value of an owner or a sign-in. */
  expires_at: ColumnType<never, RawBuilder<never> | null, RawBuilder<never> | null>;
}

export interface VisitDataConflictTable {
  owner_id: string;
  /** As in {@link VisitDataTable}. */
  sign_in_id: string;
  key: string;
  /** The visitor who brought the value. */
  visitor_id: string;
  value: JsonColumn;
  adopted_at: TimeColumn;
}

export interface HandOffRequestTable {
  id: string;
  public_key: string;
  challenge: string;
  number: number;
  choices: string;
  device: string;
  place: string | null;
  address_hash: string | null;
  asked_at: TimeColumn;
  expires_at: TimeColumn;
  over: boolean;
  /** Null until an owner approves it, like the columns after it. */
  owner_id: string | null;
  approved_by: string | null;
  session_id: string | null;
  flow: string | null;
  step: string | null;
  guest_id: string | null;
}

export interface HandOffOfferTable {
  owner_id: string;
  letters_hash: string;
  session_id: string;
  flow: string;
  step: string | null;
  tries: number;
  expires_at: TimeColumn;
}

export interface HandOffTryTable {
  id: string;
  tries: number;
  expires_at: TimeColumn;
}

/** The tables of sign-ins, beside those of their owners. */
export interface SignInTables extends OwnerTables {
  sign_in: SignInTable;
  sign_in_archive: SignInArchiveTable;
  sign_in_event: SignInEventTable;
  visit_data: VisitDataTable;
  visit_data_conflict: VisitDataConflictTable;
  hand_off_request: HandOffRequestTable;
  hand_off_offer: HandOffOfferTable;
  hand_off_try: HandOffTryTable;
}

/** The tables that have a partition for each month. */
export const partitionedSignInTables = ["sign_in_archive", "sign_in_event"] as const;
