import { hash, randomBytes, randomUUID } from "node:crypto";
import { SessionsError } from "@sessions/core/internal";
import type {
  DataChange,
  DataPlace,
  EndedNotice,
  EndReason,
  LiveSignIn,
  NewSignIn,
  RenewResult,
  SignInKeeper,
  StoredDatum,
} from "../../sign-in/keeper/sign-in-keeper.ts";
import { challengeNumber, createBinding, type DeviceBinding } from "../../sign-in/token/device-binding.ts";
import { createRotation, judgeToken, type RotationState } from "../../sign-in/token/rotation.ts";
import { base64url, ID_BYTES, type Token } from "../../sign-in/token/token.ts";

interface Row {
  readonly id: string;
  signIn: LiveSignIn;
  rotation: RotationState;
  ended: { readonly ending: EndReason; readonly atMs: number } | null;
}

export interface MemoryKeeperOptions {
  readonly now: () => number;
  readonly rotateMs?: number;
  readonly absoluteMs?: number;
  readonly perOwner?: number;
}

/** Keeps sign-ins in memory, so that a test decides when an answer comes and whether there is one. */
export class MemoryKeeper implements SignInKeeper {
  /** Waited for by each call. A test replaces it: to hold calls up, or to fail them. */
  gate: () => Promise<void> = () => Promise.resolve();
  readonly #options: Required<MemoryKeeperOptions>;
  readonly #rows: Row[] = [];
  readonly #data = new Map<string, StoredDatum>();
  readonly #listeners = new Set<(ended: EndedNotice) => void>();

  constructor(options: MemoryKeeperOptions) {
    this.#options = { rotateMs: 86_400_000, absoluteMs: 30 * 86_400_000, perOwner: 100, ...options };
  }

  get live(): readonly LiveSignIn[] {
    return this.#rows.filter((row) => this.#isLive(row)).map(({ signIn }) => signIn);
  }

  adopts(): void {}

  async adopt() {
    await this.gate();
    return new Set<string>();
  }

  async check(token: Token) {
    await this.gate();
    const row = this.#find(token);
    if (!row || !this.#isLive(row)) return { kind: "nobody" } as const;
    const nowMs = this.#options.now();
    const presented = judgeToken(row.rotation, token, nowMs, this.#options);
    if (presented.kind === "reused") this.#end(row, "secret_reused");
    if (presented.kind === "superseded") return { kind: "superseded" } as const;
    if (presented.kind !== "accepted") return { kind: "nobody" } as const;
    if (presented.write) row.rotation = presented.write;
    row.signIn = { ...row.signIn, lastUsedMs: nowMs };
    const offer = presented.offer ? { ...token, ...presented.offer } : null;
    return { kind: "live", signIn: row.signIn, offer, revision: row.rotation.revision } as const;
  }

  async endOf(token: Token) {
    await this.gate();
    const row = this.#find(token);
    return row?.ended && hash("sha256", token.secret, "base64url") === row.rotation.hash ? row.ended : null;
  }

  async begin({ owner, factors, device, place, current }: NewSignIn) {
    await this.gate();
    const nowMs = this.#options.now();
    const before = this.#rows.find((row) => row.signIn.publicId === current?.publicId && this.#isLive(row));
    const again = before?.signIn.owner === owner ? before : undefined;
    if (!again && this.live.filter((signIn) => signIn.owner === owner).length >= this.#options.perOwner) {
      return { kind: "refused", code: "sign_in_limit" } as const;
    }
    if (before && !again) this.#end(before, "replaced");
    const { rotation, offer } = createRotation(nowMs, again?.rotation);
    const times = { provedMs: nowMs, lastUsedMs: nowMs, endsMs: nowMs + this.#options.absoluteMs };
    const csrf = base64url(randomBytes(16));
    const id = base64url(randomBytes(ID_BYTES));
    const made = {
      owner,
      tokenId: id,
      publicId: randomUUID(),
      device,
      place,
      factors,
      guestSession: null,
      sinceMs: nowMs,
      ...times,
      csrf,
      binding: null,
    };
    const row: Row = again ?? { id, signIn: made, rotation, ended: null };
    if (again) {
      again.rotation = rotation;
      again.signIn = { ...again.signIn, factors, ...times };
    } else this.#rows.push(row);
    return { kind: "begun", signIn: row.signIn, token: { owner, id: row.id, ...offer }, moving: [] } as const;
  }

  knowsEnd({ publicId }: { readonly publicId: string }): boolean {
    return this.#rows.some((row) => row.signIn.publicId === publicId && row.ended !== null);
  }

  knowsChange({ publicId, revision }: { readonly publicId: string; readonly revision: number }): boolean {
    return this.#rows.some(
      (row) => row.signIn.publicId === publicId && (row.ended !== null || row.rotation.revision > revision),
    );
  }

  async list(owner: string, { limit = 50, after = "0" }: { readonly limit?: number; readonly after?: string } = {}) {
    await this.gate();
    const all = this.live.filter((signIn) => signIn.owner === owner).toReversed();
    const end = Number(after) + limit;
    return { rows: all.slice(Number(after), end), next: end < all.length ? String(end) : null };
  }

  async end(owner: string, publicId: string, ending: EndReason): Promise<boolean> {
    await this.gate();
    const row = this.#rows.find(({ signIn }) => signIn.owner === owner && signIn.publicId === publicId);
    if (!row || !this.#isLive(row)) return false;
    this.#end(row, ending);
    return true;
  }

  async endOthers({ owner, publicId }: LiveSignIn): Promise<number> {
    await this.gate();
    return this.#endAll((signIn) => signIn.owner === owner && signIn.publicId !== publicId);
  }

  async endAll(owner: string): Promise<number> {
    await this.gate();
    return this.#endAll((signIn) => signIn.owner === owner);
  }

  async endEverybody(): Promise<number> {
    await this.gate();
    return this.#endAll(() => true);
  }

  onEnded(listener: (ended: EndedNotice) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** As another node would move it, that has seen the sign-in in use. */
  extend(publicId: string, endsMs: number): void {
    const row = this.#rows.find(({ signIn }) => signIn.publicId === publicId)!;
    row.signIn = { ...row.signIn, endsMs };
  }

  async bindDevice({ publicId }: LiveSignIn, key: string): Promise<DeviceBinding | null> {
    await this.gate();
    const row = this.#rows.find(({ signIn }) => signIn.publicId === publicId);
    if (!row || !this.#isLive(row)) return null;
    const binding = row.signIn.binding ?? createBinding(key, this.#options.now());
    row.signIn = { ...row.signIn, binding };
    return binding.key === key ? binding : null;
  }

  async renewDevice({ publicId }: LiveSignIn, challenge: string | null): Promise<RenewResult> {
    await this.gate();
    const row = this.#rows.find(({ signIn }) => signIn.publicId === publicId);
    const binding = row?.signIn.binding;
    if (!row || !binding || !this.#isLive(row)) return { kind: "unbound" };
    const number = challenge === null ? undefined : challengeNumber(binding, publicId, challenge, this.#options.now());
    if (number === undefined) return { kind: "unproved", binding };
    const next = number < binding.number ? binding : { ...binding, number: number + 1 };
    row.signIn = { ...row.signIn, binding: next };
    return { kind: "proved", binding: next };
  }

  async readData(place: DataPlace): Promise<StoredDatum> {
    await this.gate();
    return this.#data.get(JSON.stringify(place)) ?? { version: 0, text: null, change: null };
  }

  async listDataConflicts() {
    await this.gate();
    return [];
  }

  async changeData(place: DataPlace, { base, ...change }: DataChange) {
    const stored = await this.readData(place);
    if (place.signIn !== null && !this.live.some(({ publicId }) => publicId === place.signIn)) {
      return { kind: "signed_out" } as const;
    }
    if (stored.version !== base && stored.change !== change.change) return { kind: "conflict", stored } as const;
    this.#data.set(JSON.stringify(place), { ...change, version: base + 1 });
    return { kind: "changed", version: base + 1 } as const;
  }

  get handOffs(): never {
    throw new Error("Hand-offs are kept in Postgres.");
  }

  noteSignal(_signIn: LiveSignIn, _kind: string): Promise<void> {
    return Promise.resolve();
  }

  history = () => Promise.resolve({ rows: [], next: null });
  sweep = () => Promise.resolve(0);
  migrate = () => Promise.resolve();
  checkMigrated = () => Promise.resolve();
  close = () => Promise.resolve();

  #find(token: Token): Row | undefined {
    return this.#rows.find(({ id, signIn }) => id === token.id && signIn.owner === token.owner);
  }

  #isLive({ signIn, ended }: Row): boolean {
    return ended === null && this.#options.now() < signIn.endsMs;
  }

  #endAll(which: (signIn: LiveSignIn) => boolean): number {
    const rows = this.#rows.filter((row) => this.#isLive(row) && which(row.signIn));
    for (const row of rows) this.#end(row, "revoked");
    return rows.length;
  }

  #end(row: Row, ending: EndReason): void {
    row.ended = { ending, atMs: this.#options.now() };
    for (const listener of this.#listeners) listener({ owner: row.signIn.owner, publicId: row.signIn.publicId });
  }
}

/** A Postgres that is away. */
export const away = () => Promise.reject(new SessionsError("database_unreachable", "It is away."));
