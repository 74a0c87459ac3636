import type { Json } from "@sessions/core/internal";
import type { Notice } from "./bus.ts";

/** The longest payload that Postgres takes in a NOTIFY, in bytes. One that is longer would fail the others with it. */
const MAX_PAYLOAD_BYTES = 7_999;

/** A notice as text; undefined if it is too long to be sent. Nodes of earlier versions know the three fields of a session alone. */
export function encodeNotice(notice: Notice): string | undefined {
  const payload = JSON.stringify(notice.kind === "session" ? [notice.session, notice.revision, notice.owner] : notice);
  return Buffer.byteLength(payload) > MAX_PAYLOAD_BYTES ? undefined : payload;
}

/** The notice of a text; undefined for a kind that this version does not know, and for another program's message. */
export function decodeNotice(payload: string): Notice | undefined {
  const read = parse(payload);
  if (Array.isArray(read)) {
    const [session, revision, owner] = read as readonly unknown[];
    const isSession = typeof session === "string" && typeof revision === "number" && typeof owner === "string";
    return isSession ? { kind: "session", owner, session, revision } : undefined;
  }
  if (typeof read !== "object" || read === null) return undefined;
  const { kind, owner, content } = read as {
    readonly kind?: unknown;
    readonly owner?: unknown;
    readonly content?: Json;
  };
  if (kind === "adopted" || kind === "erased") return typeof owner === "string" ? { kind, owner } : undefined;
  return kind === "sign_in" && content !== undefined ? { kind, content } : undefined;
}

function parse(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}
