import { afterEach, beforeEach, vi } from "vitest";
import type { SignIn } from "../sign-in/sign-in-api.ts";
import { ScriptedHandOffs } from "./scripted-hand-offs.ts";

interface Live {
  readonly owner: string;
  readonly id: string;
  readonly csrf: string;
  /** The session of a guest; undefined for the owner's own. */
  readonly guestSession?: string;
}

/** What a page sends with a question about a value, or with a change of one. */
interface Sent {
  readonly key: string;
  readonly base?: number;
  readonly change?: string;
  readonly value?: unknown;
  readonly resolves?: readonly string[];
}

/** The faults of the server and of the network. */
interface Faults {
  /** Nobody answers. */
  away: boolean;
  /** This many requests are answered with 503: the browser's cookie was replaced. */
  superseded: number;
  /** The last proof is too old to end sign-ins elsewhere. */
  asksForProof: boolean;
  /** It is one of before, whose router has no streams. */
  hasNoStreams: boolean;
  /** This many changes of values are made, or guests let in, and their answers are lost. */
  lostReplies: number;
}

/**
 * `signIns.router` in memory, with one browser: `browser` is the sign-in of its cookie. It stands in for `fetch`.
 *
 * @example
 * const server = stubSignIns();
 * server().signInAs("ada");
 * const client = createSignInClient({ url: server().url });
 */
export class ScriptedSignIns {
  readonly faults: Faults = { away: false, superseded: 0, asksForProof: false, hasNoStreams: false, lostReplies: 0 };
  readonly url = `/trpc/${crypto.randomUUID()}`;
  live: Live[] = [];
  /** The values of all owners, and of visitors. */
  readonly data = new Map<string, { version: number; value?: unknown; change?: string | undefined }>();
  /** The values that wait beside those of an owner. */
  readonly waiting = new Map<string, { readonly id: string; readonly value: unknown }[]>();
  /** Whether the server keeps values for visitors. */
  hasVisitors = false;
  /** The visitor of the browser's cookie. A stranger's first value makes it. */
  visitor: string | null = null;
  browser: string | null = null;
  readonly handOffs = new ScriptedHandOffs();
  /** The owners of the visitors, by the visitors' secrets. */
  readonly adopters = new Map<string, string>();
  ended: { readonly reason: string; readonly at: string } | null = null;
  /** Every request that reached the server: its procedure, and the header `sign-in-unsent` if it has one. */
  readonly requests: string[] = [];

  /** The ends of the open streams, and their sign-ins. */
  readonly #streams = new Map<() => void, string>();

  get streamCount(): number {
    return this.#streams.size;
  }

  /** The network or a node fails. */
  breakStreams(): void {
    for (const end of this.#streams.keys()) end();
  }

  /** A person signs in: in this browser, or elsewhere. Gives the id. */
  signInAs(owner: string, isHere = true): string {
    const id = crypto.randomUUID();
    this.live.unshift({ owner, id, csrf: crypto.randomUUID() });
    if (isHere) [this.browser, this.ended] = [id, null];
    return id;
  }

  /** Ends a sign-in from elsewhere. */
  end(id: string): void {
    this.live = this.live.filter((one) => one.id !== id);
    for (const [end, of] of this.#streams) if (of === id) end();
    if (id === this.browser) this.ended = { reason: "revoked", at: "2026-03-01T12:00:00.000Z" };
  }

  async answer(request: Request): Promise<Response> {
    if (this.faults.away) throw new TypeError("Failed to fetch");
    // The cookie leaves with the request. What another one sets meanwhile is not in it.
    const { visitor: shown } = this;
    const name = new URL(request.url).pathname.split(".").at(-1)!;
    const unsent = request.headers.get("sign-in-unsent");
    this.requests.push(unsent === null ? name : `${name} ${unsent}`);
    if (this.faults.superseded > 0) {
      this.faults.superseded -= 1;
      return new Response('{"error":"superseded"}', { status: 503, headers: { "retry-after": "0" } });
    }
    const isPost = request.method === "POST";
    const text = isPost ? await request.text() : new URL(request.url).searchParams.get("input");
    const mine = this.#mine();
    const found = mine?.guestSession === undefined ? mine : undefined;
    if (name === "current") return ok(this.#current(mine));
    if (request.url.includes(".handOff.")) return this.#handOff(name, JSON.parse(text!) as object, found);
    if (name === "watch" && this.faults.hasNoStreams) return failed("NOT_FOUND", 404);
    const isData = name === "get" || name === "set";
    if (found === undefined && isData && this.hasVisitors) {
      const visitor = shown ?? (name === "set" ? `visitor ${crypto.randomUUID()}` : "nobody");
      const answered = this.#data(name, visitor, JSON.parse(text!) as Sent);
      if (name === "set") this.visitor = visitor;
      return answered;
    }
    if (found === undefined) return failed("UNAUTHORIZED", 401);
    if (isPost && request.headers.get("sign-in-csrf") !== found.csrf) return failed("FORBIDDEN", 403);
    if (isData) return this.#data(name, found.owner, JSON.parse(text!) as Sent);
    const { id = "", after } = JSON.parse(text ?? "{}") as { readonly id?: string; readonly after?: string };
    if (this.faults.asksForProof && name.startsWith("revoke")) return ok({ ended: false, refused: "sign_in_again" });
    const own = this.live.filter(({ owner }) => owner === found.owner);
    switch (name) {
      case "watch":
        return this.#stream(found, request.signal);
      case "list":
        return ok(this.#page(own, after));
      case "revoke":
        return ok({ ended: this.#endAll(own.filter((one) => one.id === id)) === 1 });
      case "revokeOthers":
        return ok({ ended: this.#endAll(own.filter((one) => one !== found)) });
      case "adopt": {
        this.#adoptValues(found.owner);
        const secret = request.headers.get("sign-in-visitor");
        if (secret === null) return ok({ adopted: true });
        const adopter = this.adopters.get(secret) ?? found.owner;
        this.adopters.set(secret, adopter);
        return ok({ adopted: adopter === found.owner });
      }
      case "signOut":
        this.#endAll([found]);
        [this.browser, this.ended] = [null, null];
        return ok({ ended: true });
      default:
        return failed("NOT_FOUND", 404);
    }
  }

  #handOff(name: string, sent: object, found: Live | undefined): Response {
    const answer = this.handOffs.answer(name, sent, found?.owner ?? null);
    if (answer === null) return failed("UNAUTHORIZED", 401);
    const { status, owner, session } = answer as Readonly<Record<string, string>>;
    if (status !== "begun") return ok(answer);
    // The guest of the claim before is replaced.
    this.live = this.live.filter(({ id }) => id !== this.browser);
    const guest = { owner: owner!, id: crypto.randomUUID(), csrf: crypto.randomUUID(), guestSession: session! };
    this.live.unshift(guest);
    if (this.faults.lostReplies > 0) {
      this.faults.lostReplies -= 1;
      throw new TypeError("Failed to fetch");
    }
    this.browser = guest.id;
    return ok(answer);
  }

  /** `data.get` and `data.set` for values of the owner, without their schemas. */
  #data(name: "get" | "set", owner: string, { key, base, change, resolves, ...made }: Sent): Response {
    const place = `${owner} ${key}`;
    const { change: last, ...stored } = this.data.get(place) ?? { version: 0 };
    const conflicts = this.waiting.get(place) ?? [];
    if (name === "get") return ok({ ...stored, ...(conflicts.length > 0 && { conflicts }) });
    if (base !== stored.version && change !== last) return ok({ status: "conflict", ...stored });
    this.data.set(place, { ...made, version: base! + 1, change });
    this.waiting.set(
      place,
      conflicts.filter(({ id }) => !resolves?.includes(id)),
    );
    if (this.faults.lostReplies > 0) {
      this.faults.lostReplies -= 1;
      throw new TypeError("Failed to fetch");
    }
    return ok({ status: "changed", version: base! + 1 });
  }

  /** A stream that is open until its sign-in ends, or `breakStreams` is called. */
  #stream({ id }: Live, signal: AbortSignal): Response {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const end = () => {
      this.#streams.delete(end);
      void writer.close().catch(() => {});
    };
    this.#streams.set(end, id);
    signal.addEventListener("abort", end);
    void writer.write(new TextEncoder().encode("data: {}\n\n")).catch(() => {});
    return new Response(readable, { headers: { "content-type": "text/event-stream" } });
  }

  /** Gives the values of the cookie's visitor to an owner. Where the owner has one, the visitor's waits. */
  #adoptValues(owner: string): void {
    const { visitor } = this;
    this.visitor = null;
    for (const [place, { value }] of this.data) {
      if (visitor === null || !place.startsWith(visitor)) continue;
      const own = `${owner}${place.slice(visitor.length)}`;
      if (this.data.has(own)) this.waiting.set(own, [...(this.waiting.get(own) ?? []), { id: visitor, value }]);
      else this.data.set(own, { version: 1, value });
      this.data.delete(place);
    }
  }

  #endAll(ended: readonly Live[]): number {
    for (const { id } of ended) this.end(id);
    return ended.length;
  }

  #mine(): Live | undefined {
    return this.live.find(({ id }) => id === this.browser);
  }

  #current(found: Live | undefined) {
    if (found === undefined) return { owner: null, signIn: null, csrf: null, ended: this.ended };
    const { owner, csrf, guestSession: session } = found;
    if (session !== undefined) {
      const guest = { owner, session, endsAt: "2026-03-01T13:00:00.000Z" };
      return { owner: null, signIn: null, csrf, ended: null, guest };
    }
    return {
      owner: found.owner,
      signIn: this.#told(found),
      csrf: found.csrf,
      ended: null,
      visitor: this.visitor !== null,
    };
  }

  #page(own: readonly Live[], after: string | undefined) {
    const from = after === undefined ? 0 : own.findIndex(({ id }) => id === after) + 1;
    const page = own.slice(from, from + 2);
    return { signIns: page.map((one) => this.#told(one)), next: from + 2 < own.length ? page.at(-1)!.id : null };
  }

  #told({ id, guestSession }: Live): SignIn {
    const at = "2026-03-01T12:00:00.000Z";
    const times = { since: at, lastUsed: at, provedAt: at, endsAt: "2026-03-31T12:00:00.000Z" };
    return {
      id,
      device: "Chrome",
      place: null,
      ...times,
      factors: ["password"],
      level: "aal1",
      current: id === this.browser,
      guestSession: guestSession ?? null,
    };
  }
}

/** An answer in tRPC's form. */
const ok = (data: object) => Response.json({ result: { data } });
const failed = (code: string, status: number) =>
  Response.json({ error: { message: code, code: -32_001, data: { code, httpStatus: status } } }, { status });

/** A server for one test, in place of the network. Call it at the file's top level. */
export function stubSignIns(): () => ScriptedSignIns {
  let server = new ScriptedSignIns();
  beforeEach(() => {
    server = new ScriptedSignIns();
    vi.stubGlobal("fetch", (input: string, init?: RequestInit) =>
      server.answer(new Request(new URL(input, location.href), init)),
    );
  });
  afterEach(() => void vi.unstubAllGlobals());
  return () => server;
}
