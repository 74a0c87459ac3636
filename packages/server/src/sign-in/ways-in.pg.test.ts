import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshDatabase } from "../testing/postgres.ts";
import { createSignIns } from "./create-sign-ins.ts";
import { OVERLAP_MS } from "./token/rotation.ts";
import type { Visit } from "./visit/visit.ts";

const { pool } = await freshDatabase();
const TRUST_MS = 60_000;
const ROTATE_MS = 3_600_000;
let nowMs = Date.UTC(2026, 5, 1);
const shared = { database: pool, sweeps: false, rotate: "1h", expires: "aal1", now: () => nowMs } as const;
const key = randomBytes(32).toString("base64url");
const signIns = createSignIns({
  ...shared,
  seal: { keys: [key], trustMs: TRUST_MS },
  atMost: { perOwner: 2, beyond: "end-oldest" },
  signal: ({ kind }) => (kind === "device_changed" ? "revoke" : "ignore"),
});

beforeAll(() => signIns.migrate());
afterAll(() => signIns.close());

const DEVICE = { "user-agent": "Mozilla/5.0 (X11; Linux x64) Gecko/20100101 Firefox/140.0" };

/** A browser or an app, with the cookies or the token that it was given. */
class Holder {
  readonly jar = new Map<string, string>();

  /** Runs in a request with these credentials, and takes what the answer hands out. */
  async request<T>(run: (visit: Visit) => Promise<T> | T, headers: Readonly<Record<string, string>> = this.headers) {
    let value: T | undefined;
    const request = new Request("https://bank.example/", { method: "POST", headers });
    const response = await signIns.fetch(request, async (visit) => {
      value = await run(visit);
      return new Response();
    });
    for (const set of response.headers.getSetCookie()) {
      const [, name, content] = /^([^=]+)=([^;]*)/.exec(set)!;
      if (set.includes("Max-Age=0")) this.jar.delete(name!);
      else this.jar.set(name!, content!);
    }
    return { value, status: response.status };
  }

  get headers() {
    const cookie = [...this.jar].map(([name, content]) => `${name}=${content}`).join("; ");
    return { ...DEVICE, "sec-fetch-site": "same-origin", cookie };
  }

  signIn(owner: string) {
    return this.request((visit) => visit.signInAs(owner, { factors: ["password"] }));
  }

  copy(): Holder {
    const copy = new Holder();
    for (const [name, content] of this.jar) copy.jar.set(name, content);
    return copy;
  }

  get token(): string {
    return this.jar.get("__Host-sign-in")!;
  }
}

const alike = { ...DEVICE, host: "bank.example", "x-forwarded-proto": "https" };
const ownerOfHeaders = async (headers: Readonly<Record<string, string>>) =>
  (await signIns.read(new Headers(headers))).owner;

/** Each way in which a token can be shown. Gives the owner who is let in, or null. */
const ways: Readonly<Record<string, (holder: Holder) => Promise<string | null | undefined>>> = {
  "a cookie": async (holder) => {
    const alone = new Holder();
    alone.jar.set("__Host-sign-in", holder.token);
    return (await alone.request(({ owner }) => owner)).value;
  },
  "a cookie beside its sealed copy": async (holder) => (await holder.copy().request(({ owner }) => owner)).value,
  "a bearer token": async ({ token }) =>
    (await new Holder().request(({ owner }) => owner, { ...DEVICE, authorization: `Bearer ${token}` })).value,
  "a server component": ({ headers }) => ownerOfHeaders({ ...alike, cookie: headers.cookie }),
  tRPC: async (holder) =>
    (await holder.copy().request(async (visit) => (await signIns.router.createCaller({ visit }).current()).owner))
      .value,
  "a new stream": async (holder) => {
    const { value } = await holder.copy().request(async (visit) => {
      const stream = (await signIns.router.createCaller({ visit }).watch()) as AsyncIterable<object>;
      const events = stream[Symbol.asyncIterator]();
      const isOpen = await events.next().then(
        () => true,
        () => false,
      );
      await events.return?.();
      return isOpen ? visit.owner : null;
    });
    return value;
  },
};

/** How a sign-in ends. `told`: the reason that its own browser hears. */
const causes: Readonly<
  Record<string, { readonly told: string; readonly end: (ada: Holder, owner: string) => Promise<unknown> }>
> = {
  "a sign-out": { told: "signed_out", end: (ada) => ada.copy().request((visit) => visit.signOut()) },
  "a revocation from another browser": {
    told: "revoked",
    end: async (ada, owner) => {
      const id = (await ada.request(({ signIn }) => signIn!.id)).value!;
      const other = new Holder();
      await other.signIn(owner);
      return other.request((visit) => visit.revoke(id));
    },
  },
  "a revocation of all others": {
    told: "revoked",
    end: async (_, owner) => {
      const other = new Holder();
      await other.signIn(owner);
      return other.request((visit) => visit.revokeOthers());
    },
  },
  "an operator who ends those of the owner": { told: "revoked", end: (_, owner) => signIns.endAll(owner) },
  "an operator who ends those of everybody": { told: "revoked", end: () => signIns.endEverybody() },
  "the limit": {
    told: "displaced",
    end: async (_, owner) => {
      for (let count = 0; count < 2; count += 1) {
        nowMs += 1;
        await new Holder().signIn(owner);
      }
    },
  },
  "another owner in the browser": { told: "replaced", end: (ada, owner) => ada.copy().signIn(`${owner} too`) },
  "the deadline": {
    told: "expired",
    end: async (ada) => {
      nowMs = (await ada.request(({ signIn }) => signIn!.endsAt.getTime())).value!;
    },
  },
  "a secret that was replaced": {
    told: "secret_reused",
    end: async (ada) => {
      const thief = ada.copy();
      nowMs += ROTATE_MS;
      for (const ms of [0, TRUST_MS, OVERLAP_MS, 2 * TRUST_MS]) {
        nowMs += ms;
        await ada.request(({ owner }) => owner);
      }
      nowMs += TRUST_MS;
      return thief.request(({ owner }) => owner);
    },
  },
  "a request that does not fit": {
    told: "revoked",
    end: (ada) => ada.copy().request(({ owner }) => owner, { ...ada.headers, "user-agent": "curl/8.0" }),
  },
};

describe.each(Object.entries(causes))("after %s", (name, { told, end }) => {
  test("S17: each way in is closed, on the node that has heard of it and on one that has just started, and the browser hears why", async () => {
    const owner = `ada, ${name}`;
    const ada = new Holder();
    await ada.signIn(owner);
    for (const [way, ownerBy] of Object.entries(ways)) expect(await ownerBy(ada), way).toBe(owner);

    await end(ada, owner);
    for (const [way, ownerBy] of Object.entries(ways)) expect((await ownerBy(ada)) ?? null, way).toBe(null);
    const { value: ending } = await ada.copy().request((visit) => visit.ending());
    expect(ending?.reason).toBe(told);

    // A node without keys, as it believes no copies, and with an empty memory.
    const restarted = createSignIns(shared);
    const visit = await restarted.read(new Headers({ ...alike, cookie: ada.headers.cookie }));
    expect(visit.owner).toBe(null);
    await restarted.close();
  });
});
