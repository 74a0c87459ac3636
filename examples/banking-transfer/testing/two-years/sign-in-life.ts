import { createRotation } from "../../../../packages/server/src/sign-in/token/rotation.ts";
import { publicIdOf } from "../../../../packages/server/src/sign-in/token/public-id.ts";
import { addEntry, type SignInHistoryEntry } from "../../../../packages/server/src/sign-in/rows/history.ts";
import type { SignInWithHistoryHead } from "../../../../packages/server/src/sign-in/rows/stored-sign-in.ts";
import type { EndReason } from "../../../../packages/server/src/sign-in/rows/tables.ts";
import { aboutMs, type Device } from "./customers.ts";

const MINUTE_MS = 60_000;
/** As the bank has it. */
const LASTS_MS = 7 * 86_400_000;

/** One sign-in, from its begin until its end or until now. */
export interface SignInLife {
  readonly signIn: SignInWithHistoryHead;
  readonly entries: readonly SignInHistoryEntry[];
  readonly ended: { readonly atMs: number; readonly ending: EndReason } | null;
}

interface SignInOptions {
  readonly owner: string;
  readonly device: Device;
  readonly atMs: number;
  readonly endMs: number;
  readonly random: () => number;
}

/** The life of one sign-in. Nobody has its token. */
export function liveSignIn({ owner, device, atMs, endMs, random }: SignInOptions): SignInLife {
  const token = Buffer.from(crypto.getRandomValues(new Uint8Array(16)));
  const { rotation } = createRotation(atMs);
  const entries: SignInHistoryEntry[] = [];
  let signIn: SignInWithHistoryHead = {
    owner,
    id: publicIdOf(token.toString("base64url")),
    device: device.name,
    place: random() < 0.9 ? "BE" : "NL",
    factors: ["password"],
    guestSession: null,
    sinceMs: atMs,
    provedMs: atMs,
    lastUsedMs: atMs,
    endsMs: atMs + LASTS_MS,
    csrf: Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64url"),
    rotation,
    binding: null,
    epoch: 0,
    lastEntry: 0,
    lastHash: null,
  };
  const note = (kind: "signed_in" | "signal" | EndReason, noteMs: number, signal: string | null = null) => {
    const noted = addEntry(signIn, kind, noteMs, { signal });
    signIn = noted.signIn;
    entries.push(noted.entry);
  };

  note("signed_in", atMs);
  const word = random();
  const signalMs = atMs + aboutMs(5 * MINUTE_MS, random);
  if (word < 0.006 && signalMs < endMs) note("signal", signalMs, word < 0.003 ? "place_changed" : "device_changed");
  const how = random();
  const leftMs = signalMs + aboutMs(20 * MINUTE_MS, random);
  const ending: EndReason =
    how < 0.4 ? "signed_out" : how < 0.42 ? "revoked" : how < 0.423 ? "secret_reused" : "expired";
  const endedMs = ending === "expired" ? signIn.endsMs : Math.min(leftMs, signIn.endsMs - 1);
  if (endedMs > endMs) return { signIn, entries, ended: null };
  note(ending, endedMs);
  return { signIn, entries, ended: { atMs: endedMs, ending } };
}
