import { sql } from "kysely";
import { bytes, bytesFromHex, json, msOf, timeOf } from "../../postgres/values.ts";
import { bindingFromBytes, bindingToBytes } from "./binding-bytes.ts";
import { rotationFromBytes, rotationToBytes } from "./rotation-bytes.ts";
import type { SignInWithHistoryHead } from "./stored-sign-in.ts";

/**
 * What a query selects to read a live sign-in. Each name is one lower-case word, so that no driver that renames columns
 * changes it. A name of a column is used only for that column as it is.
 */
export const signInSelection = [
  sql<string>`owner_id`.as("owner"),
  sql<string>`id::text`.as("signin"),
  "device",
  "place",
  sql<string>`factors::text`.as("factorsjson"),
  sql<string | null>`guest_session::text`.as("guestsession"),
  ms("since"),
  ms("proved_at"),
  ms("last_used_at"),
  ms("ends_at"),
  sql<string>`encode(csrf, 'hex')`.as("csrfbytes"),
  sql<string | null>`encode(binding, 'hex')`.as("bindingbytes"),
  sql<string>`encode(rotation, 'hex')`.as("rotationbytes"),
  "epoch",
  "entry",
  sql<string>`encode(hash, 'hex')`.as("hashbytes"),
] as const;

/** A row, as {@link signInSelection} reads it. */
export interface SignInRow {
  readonly owner: string;
  readonly signin: string;
  readonly device: string;
  readonly place: string | null;
  readonly factorsjson: string;
  readonly guestsession: string | null;
  readonly sincems: string;
  readonly provedatms: string;
  readonly lastusedatms: string;
  readonly endsatms: string;
  readonly csrfbytes: string;
  readonly bindingbytes: string | null;
  readonly rotationbytes: string;
  readonly epoch: number;
  readonly entry: number;
  readonly hashbytes: string;
}

/** A column of a time as milliseconds since 1970. */
function ms<Column extends "since" | "proved_at" | "last_used_at" | "ends_at">(column: Column) {
  const name = `${column.replaceAll("_", "")}ms` as `${Flat<Column>}ms`;
  return msOf(column).as(name);
}

type Flat<Name extends string> = Name extends `${infer Head}_${infer Tail}` ? `${Head}${Flat<Tail>}` : Name;

export function signInFromRow(row: SignInRow): SignInWithHistoryHead {
  return {
    owner: row.owner,
    id: row.signin,
    device: row.device,
    place: row.place,
    // Written by this package, as a list of texts.
    factors: JSON.parse(row.factorsjson) as readonly string[],
    guestSession: row.guestsession,
    sinceMs: Number(row.sincems),
    provedMs: Number(row.provedatms),
    lastUsedMs: Number(row.lastusedatms),
    endsMs: Number(row.endsatms),
    csrf: Buffer.from(row.csrfbytes, "hex").toString("base64url"),
    binding: row.bindingbytes === null ? null : bindingFromBytes(Buffer.from(row.bindingbytes, "hex")),
    rotation: rotationFromBytes(Buffer.from(row.rotationbytes, "hex")),
    epoch: Number(row.epoch),
    lastEntry: Number(row.entry),
    lastHash: bytesFromHex(row.hashbytes),
  };
}

/** The values of the columns that live and archived sign-ins share. */
export function sharedValues(signIn: SignInWithHistoryHead) {
  return {
    owner_id: signIn.owner,
    id: signIn.id,
    device: signIn.device,
    place: signIn.place,
    factors: json(JSON.stringify(signIn.factors)),
    guest_session: signIn.guestSession,
    since: timeOf(signIn.sinceMs),
    proved_at: timeOf(signIn.provedMs),
    last_used_at: timeOf(signIn.lastUsedMs),
    rotation: bytes(rotationToBytes(signIn.rotation)),
    entry: signIn.lastEntry,
    hash: bytes(signIn.lastHash ?? new Uint8Array()),
  };
}

/** The values of the columns that only a live sign-in has and that its owner's use changes. */
export function liveValues({ endsMs, rotation, csrf, binding, epoch }: SignInWithHistoryHead) {
  return {
    ends_at: timeOf(endsMs),
    csrf: bytes(Buffer.from(csrf, "base64url")),
    binding: binding && bytes(bindingToBytes(binding)),
    revision: rotation.revision,
    epoch,
  };
}
