import { hash as digest } from "node:crypto";
import { pickFields, type HistoryChange, type Json, type Snapshot, type Status } from "@sessions/core/internal";
import { bytesFromHex } from "../../../postgres/values.ts";
import { takeRandomBytes } from "../../../random-bytes.ts";
import type { OwnerCipher } from "../../../secrets/owner-cipher.ts";

type Lifted = NonNullable<HistoryChange["lifted"]>;

/** The part of an entry that stays when its content is erased. The chain covers it. It holds nothing that a person typed. */
export interface HistoryBody {
  readonly session: string;
  readonly flow: string;
  /** The flow's version, and the session's status, after this entry. */
  readonly version: number;
  readonly status: Status;
  readonly entry: number;
  readonly revision: number;
  /** The command that made the entry; null for an end by deadline, and for a lift. */
  readonly command: string | null;
  readonly at: string;
  /** The id of the device. */
  readonly device: string;
  /** The step at which the session stands after this entry. Null if it has ended, if its path cannot be computed, and for an adoption. */
  readonly current: string | null;
  readonly change: BodyOf<HistoryChange>;
  /** Whether the step that was submitted is sensitive. */
  readonly sensitive?: true;
  /** If the entry lifted the session: the steps that were submitted, by their names in the new version. */
  readonly lifted?: readonly string[];
  /** The steps that are submitted after this entry. An adoption leaves them as they were. */
  readonly submitted?: readonly string[];
  /** Of a submission: when the first draft of the step came, since the session came to it. Missing if none came. */
  readonly drafted?: string;
  /** The hash of the command's receipt, in base64url. It is keyed by session, so nobody can guess the command from it. */
  readonly receipt?: string;
  /** SHA-256 over the content as it is stored, in base64url. The content has a random salt or nonce, so nobody can guess it from this. */
  readonly content: string;
}

type BodyOf<Change> = Change extends { readonly kind: "submit" }
  ? Pick<Change & { readonly step: string }, "kind" | "step">
  : Change extends unknown
    ? Omit<Change, "lifted">
    : never;

/** The part of an entry that can be erased. */
export interface HistoryContent {
  /** The name of the device. */
  readonly device?: string;
  readonly data?: Json;
  readonly input?: Json;
  readonly seenDrafts?: Extract<HistoryChange, { kind: "submit" }>["seenDrafts"];
  /** The output of the step handler for a submission; null without one. */
  readonly output?: Json;
  /** What the step handler hid. */
  readonly hidden?: Json;
  /** The result of `complete`, if this entry completed the session. */
  readonly result?: Snapshot["result"];
  readonly lifted?: Lifted;
}

/** An entry of a session's history. */
export interface HistoryEntry {
  readonly number: number;
  /** Covers `text` and the hash before it. */
  readonly hash: Uint8Array;
  readonly body: HistoryBody;
  /** The body as JSON, as it is stored. */
  readonly text: string;
  readonly content: HistoryContent;
  /** The content as it is stored: the part that is clear, and the part that is sealed. Both are null if it was erased. */
  readonly clear: string | null;
  readonly sealed: Uint8Array | null;
}

/** What an entry is made of. */
export interface NewEntry {
  readonly body: Omit<HistoryBody, "content">;
  readonly content: HistoryContent;
  /** The parts of the content that are sealed also if only secrets are. */
  readonly secret: readonly (keyof HistoryContent)[];
}

/** The parts of an entry's content that are sealed also if only secrets are. */
export function secretParts(
  { sensitive }: Pick<HistoryBody, "sensitive">,
  { lifted }: HistoryContent,
): readonly (keyof HistoryContent)[] {
  const isLiftSensitive = Object.values(lifted?.submissions ?? {}).some((submission) => submission.sensitive);
  return [
    "hidden",
    ...(sensitive ? (["data", "input", "output"] as const) : []),
    ...(isLiftSensitive ? (["lifted"] as const) : []),
  ];
}

const SALT_BYTES = 16;

export function encodeEntry(
  cipher: OwnerCipher,
  before: Uint8Array | null,
  { body: given, content, secret }: NewEntry,
): HistoryEntry {
  const { session, entry } = given;
  const { clear: clearPart, sealed: sealedPart } = splitContent(cipher.scope, content, secret);
  const clear = clearPart && JSON.stringify({ salt: takeRandomBytes(SALT_BYTES).toString("base64url"), ...clearPart });
  const sealed = sealedPart && cipher.seal({ kind: "history", session, entry }, JSON.stringify(sealedPart));
  const body: HistoryBody = { ...given, content: contentDigest({ clear, sealed }) };
  const text = JSON.stringify(body);
  return { number: entry, hash: cipher.chainHash(before, text), body, text, content, clear, sealed };
}

/** The part of a content that is clear, and the part to be sealed; null for none. With the scope "all" there is no clear part. */
function splitContent(scope: OwnerCipher["scope"], content: HistoryContent, secret: NewEntry["secret"]) {
  if (scope === "all") return { clear: null, sealed: content };
  const isSealed = (part: string) => secret.includes(part as keyof HistoryContent);
  if (scope === "nothing" || !Object.keys(content).some(isSealed)) return { clear: content, sealed: null };
  const pick = (test: (part: string) => boolean) => pickFields<unknown>({ ...content }, test);
  return { clear: pick((part) => !isSealed(part)), sealed: pick(isSealed) };
}

/** The digest of a content as it is stored. A zero byte stands between the two parts: JSON has none. Empty if it was erased. */
export function contentDigest({ clear, sealed }: Pick<HistoryEntry, "clear" | "sealed">): string {
  if (clear === null && sealed === null) return "";
  const start = `${clear ?? ""}\0`;
  return digest("sha256", sealed === null ? start : Buffer.concat([Buffer.from(start), sealed]), "base64url");
}

/** An entry's columns as text, beside its number. */
export interface EntryRow {
  readonly entry: number;
  readonly hashbytes: string;
  readonly json: string;
  readonly contenttext: string | null;
  readonly sealedbytes: string | null;
}

/** @throws {SessionsError} `sealed_invalid`; `keys_missing` on a node without keys. */
export function decodeEntry(cipher: OwnerCipher, row: EntryRow): HistoryEntry {
  // Written by `encodeEntry`, as HistoryBody.
  const body = JSON.parse(row.json) as HistoryBody;
  const { contenttext: clear } = row;
  const sealed = row.sealedbytes === null ? null : bytesFromHex(row.sealedbytes);
  return {
    number: Number(row.entry),
    hash: bytesFromHex(row.hashbytes),
    body,
    text: row.json,
    content: { ...parsePart(clear), ...(sealed && openPart(cipher, body, sealed)) },
    clear,
    sealed,
  };
}

/** The columns of an entry as one text, for a feed of the table `event`. {@link parseEntry} reads it. */
export const entryText = "json_build_array(event.body, event.content, encode(event.sealed, 'hex'))::text";

/** An entry of which the sealed part is not opened. */
export interface UnopenedEntry {
  readonly body: HistoryBody;
  /** The part of the content that is clear. */
  readonly clear: HistoryContent;
  readonly sealed: Uint8Array | null;
}

export function parseEntry(text: string): UnopenedEntry {
  // Written by `encodeEntry`, and read as `entryText`.
  const [body, clear, sealed] = JSON.parse(text) as [HistoryBody, HistoryContent | null, string | null];
  return { body, clear: clear ?? {}, sealed: sealed === null ? null : bytesFromHex(sealed) };
}

/** The body alone as text, for a feed that needs no content. {@link parseBody} reads it. */
export const bodyText = "event.body::text";

export function parseBody(text: string): HistoryBody {
  // Written by `encodeEntry`.
  return JSON.parse(text) as HistoryBody;
}

/** @throws {SessionsError} `sealed_invalid`; `keys_missing` on a node without keys. */
export function openEntry(cipher: OwnerCipher, { body, clear, sealed }: UnopenedEntry): HistoryContent {
  return { ...clear, ...(sealed && openPart(cipher, body, sealed)) };
}

function openPart(cipher: OwnerCipher, { session, entry }: HistoryBody, sealed: Uint8Array): HistoryContent {
  return parsePart(cipher.open({ kind: "history", session, entry }, sealed));
}

function parsePart(text: string | null): HistoryContent {
  // Written by `encodeEntry`, as a part of HistoryContent.
  return text === null ? {} : (JSON.parse(text) as HistoryContent);
}
