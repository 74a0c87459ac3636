import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SignIns } from "../../sign-in/sign-ins.ts";
import { Browser, send } from "./browser.ts";
import type { RunningHost } from "./hosts.ts";
import { hosts } from "./hosts.ts";

/** Sign-ins whose clock a test holds. */
export interface VisitWorld {
  readonly signIns: SignIns;
  advance(ms: number): void;
}

const DAY_MS = 86_400_000;

/** What a host's application and its browsers may rely on, whatever serves the application. */
export function visitContract(name: string, world: () => VisitWorld): void {
  describe(`in a ${name} host`, () => {
    let host: RunningHost;
    let owners = 0;
    const owner = () => `ada-${name}-${(owners += 1)}`;
    const browser = (site?: string) => new Browser(host.url, site);
    beforeAll(async () => {
      host = await hosts[name]!(world().signIns);
    });
    afterAll(() => host.stop());

    test("a request without a token is nobody's, and gets no cookie", async () => {
      const answered = await browser().send("/me");
      expect(JSON.parse(answered.body)).toEqual({ method: "GET", owner: null });
      expect(answered.signInCookies).toEqual([]);
      expect(answered.headers["cache-control"]).toBe("public, max-age=60");
    });

    test("a sign-in sets one cookie that scripts and other sites do not get, and no cache keeps the answer", async () => {
      const ada = owner();
      const device = browser();
      const answered = await device.post("/sign-in", { owner: ada, factors: ["password"] });
      expect(JSON.parse(answered.body)).toEqual({ ok: true });
      expect(answered.signInCookies).toEqual([
        expect.stringMatching(
          /^__Host-sign-in=[\w.-]+;(?=.*\bHttpOnly)(?=.*\bSecure)(?=.*\bSameSite=Lax)(?=.*\bPath=\/)/,
        ),
      ]);
      expect(answered.signInCookies[0]).not.toMatch(/domain/i);
      expect(answered.setCookies.some((cookie) => cookie.startsWith("theme=dark"))).toBe(true);
      expect(answered.headers["cache-control"]).toBe("no-store");

      const next = await device.send("/me");
      expect(JSON.parse(next.body)).toEqual({ method: "GET", owner: ada });
      expect(next.signInCookies).toEqual([]);
    });

    test("on http://localhost alone the cookie has no prefix and is not Secure", async () => {
      for (const site of ["localhost:3000", "127.0.0.1", "[::1]:8080"]) {
        const { signInCookies } = await browser(site).post("/sign-in", { owner: owner(), factors: ["password"] });
        expect(signInCookies).toEqual([expect.stringMatching(/^sign-in=(?!.*Secure)/)]);
      }
      for (const site of ["localhost.example", "127.0.0.1.example", "sub.localhost"]) {
        const { signInCookies } = await browser(site).post("/sign-in", { owner: owner(), factors: ["password"] });
        expect(signInCookies).toEqual([expect.stringMatching(/^__Host-sign-in=.*Secure/)]);
      }
    });

    test("behind a proxy that changes the host to localhost the cookie keeps its prefix", async () => {
      for (const [header, value] of [
        ["x-forwarded-for", "203.0.113.7"],
        ["x-forwarded-host", "bank.example"],
        ["x-forwarded-proto", "https"],
      ] as const) {
        const device = browser("localhost:3000");
        await device.post("/sign-in", { owner: owner(), factors: ["password"] }, { [header]: value });
        expect([...device.jar.keys()].filter((name) => name !== "theme")).toEqual(["__Host-sign-in"]);
        // Once the browser has it, requests that tell nothing find it, and no planted one.
        device.jar.set("sign-in", device.jar.get("__Host-sign-in")!.replace(/^\w+/, "ZXZl"));
        expect(JSON.parse((await device.send("/me")).body)).toMatchObject({ owner: expect.stringContaining("ada") });
      }
    });

    test("a change that another site may have asked for is refused before anything else, and one of the own site is not", async () => {
      const ada = owner();
      const device = browser();
      await device.signIn(ada);
      const paths = [
        "/sign-in",
        "/sign-out",
        ...["signOut", "revokeOthers", "revoke"].map((name) => `/trpc/signIns.${name}`),
      ];
      for (const headers of [
        { "sec-fetch-site": "cross-site" },
        { "sec-fetch-site": "same-site", origin: "https://app.bank.example" },
        { "sec-fetch-site": "", origin: "http://bank.example" },
        { "sec-fetch-site": "cross-site", origin: "http://bank.example" },
      ]) {
        for (const path of paths) {
          const body = { owner: "mallory", factors: ["password"], id: crypto.randomUUID() };
          const refused = await device.ask(path, { method: "POST", headers, body });
          expect([refused.status, refused.setCookies]).toEqual([403, []]);
          // In the form that its client understands.
          const form = path.startsWith("/trpc/") ? /^\{"error":\{"message":.*"FORBIDDEN"/ : /^\{"error":"cross_site"/;
          expect(refused.body).toMatch(form);
        }
      }
      expect(JSON.parse((await device.send("/me")).body)).toMatchObject({ owner: ada });
      expect(JSON.parse((await device.post("/me", {}, { "sec-fetch-site": "none" })).body)).toMatchObject({
        owner: ada,
      });
    });

    test("the router lists the owner's sign-ins, ends one and all others, and shows no id that opens anything", async () => {
      const ada = owner();
      const [phone, laptop, tablet, stranger] = [browser(), browser(), browser(), browser()];
      for (const device of [phone, laptop, tablet]) await device.signIn(ada);
      await stranger.signIn(owner());

      const listed = await phone.call("list");
      const { signIns } = listed.data as { signIns: { id: string; current: boolean }[] };
      expect(signIns).toHaveLength(3);
      expect(signIns.filter(({ current }) => current)).toHaveLength(1);
      const told = await world().signIns.list(ada);
      expect(told.signIns.map(({ id }) => id)).toEqual(signIns.map(({ id }) => id));
      for (const part of phone.token!.split(".").slice(1)) {
        if (part !== "0") expect(listed.body).not.toContain(part);
      }
      expect(listed.headers["cache-control"]).toBe("no-store");

      const current = (await laptop.call("current")).data as { signIn: { id: string }; owner: string };
      expect(current.owner).toBe(ada);
      const strangers = (await stranger.call("current")).data as { signIn: { id: string } };
      expect((await phone.call("revoke", { id: strangers.signIn.id })).data).toEqual({ ended: false });
      expect((await phone.call("revoke", { id: current.signIn.id })).data).toEqual({ ended: true });
      expect((await phone.call("revoke", { id: current.signIn.id })).data).toEqual({ ended: false });
      expect((await laptop.call("current")).data).toMatchObject({ owner: null, ended: { reason: "revoked" } });
      expect((await phone.call("revokeOthers")).data).toEqual({ ended: 1 });
      expect((await tablet.call("current")).data).toMatchObject({ owner: null, ended: { reason: "revoked" } });
      expect((await stranger.call("current")).data).toMatchObject({ ended: null });
    });

    test("a sign-out takes the cookie back, and its token lets nobody in", async () => {
      const device = browser();
      await device.signIn(owner());
      const cookie = device.cookie;
      const answered = await device.call("signOut");
      expect(answered.data).toEqual({ ended: true });
      expect(answered.signInCookies).toEqual([expect.stringMatching(/^__Host-sign-in=;.*Max-Age=0/)]);
      expect(answered.headers["cache-control"]).toBe("no-store");
      expect(answered.headers["clear-site-data"]).toBeUndefined();
      expect(device.token).toBeUndefined();

      const again = await browser().call("current", undefined, { cookie });
      expect(again.data).toMatchObject({ owner: null, ended: { reason: "signed_out" } });
      // Nothing takes back a cookie that is newer than the request.
      expect(again.signInCookies).toEqual([]);
      expect((await browser().call("signOut", undefined, { cookie })).data).toEqual({ ended: false });
    });

    test("the site's data is cleared at a sign-out only if the client says that nothing is unsent", async () => {
      for (const [unsent, cleared] of [
        ["0", '"cache", "storage"'],
        ["2", undefined],
      ] as const) {
        const device = browser();
        await device.signIn(owner());
        const { headers } = await device.call("signOut", undefined, { "sign-in-unsent": unsent });
        expect(headers["clear-site-data"]).toBe(cleared);
      }
    });

    test("a change with the wrong value, or none, is refused and changes nothing", async () => {
      const device = browser();
      await device.signIn(owner());
      const { csrf } = device;
      const another = browser();
      await another.signIn(owner());
      for (const wrong of [null, "", "x", csrf!.slice(1), `${csrf}x`, another.csrf]) {
        device.csrf = wrong;
        for (const [procedure, input] of [
          ["signOut"],
          ["revokeOthers"],
          ["revoke", { id: crypto.randomUUID() }],
        ] as const) {
          const { status, code, signInCookies } = await device.call(procedure, input);
          expect([status, code, signInCookies]).toEqual([403, "FORBIDDEN", []]);
        }
      }
      expect((await device.call("current")).data).toMatchObject({ csrf });
    });

    test("a sign-in that is due gets its next secret with any answer, and a refused request gets none", async () => {
      const device = browser();
      await device.signIn(owner());
      world().advance(DAY_MS + 1);
      const refused = await device.ask("/me", { method: "POST", headers: { "sec-fetch-site": "cross-site" } });
      expect([refused.status, refused.setCookies]).toEqual([403, []]);
      const answers = await Promise.all(["/me", "/trpc/signIns.current", "/me"].map((path) => device.ask(path)));
      const secrets = answers.map(({ signInCookies }) => signInCookies.map((cookie) => cookie.split(/[.;]/)[4]));
      expect(new Set(secrets.flat()).size).toBe(1);
      for (const [index, { headers }] of answers.entries()) {
        expect(secrets[index]).toHaveLength(1);
        expect(headers["cache-control"]).toBe("no-store");
      }
      device.take(answers[1]!);
      expect(JSON.parse((await device.send("/me")).body)).toMatchObject({ owner: expect.stringContaining("ada") });
    });

    test("a stream whose headers are sent gets no cookie and no error", async () => {
      if (name === "fetch") return;
      const device = browser();
      await device.signIn(owner());
      const answered = await device.ask("/stream");
      expect(answered.status).toBe(200);
      expect(answered.body).toContain('"owner":"ada');
    });

    test("an app's bearer token comes in a header, and needs no cookie and no value", async () => {
      const ada = owner();
      const signedIn = await send(`${host.url}/sign-in`, {
        method: "POST",
        body: { owner: ada, factors: ["password"], as: "bearer" },
      });
      const token = signedIn.headers["sign-in-token"];
      expect(signedIn.signInCookies).toEqual([]);
      expect(signedIn.headers["cache-control"]).toBe("no-store");
      expect(signedIn.body).not.toContain(String(token).split(".")[4]);
      const headers = { authorization: `Bearer ${String(token)}` };
      expect(JSON.parse((await send(`${host.url}/me`, { headers })).body)).toMatchObject({ owner: ada });

      world().advance(DAY_MS + 1);
      const rotated = await send(`${host.url}/me`, { headers });
      expect(rotated.signInCookies).toEqual([]);
      expect(rotated.headers["sign-in-token"]).not.toBe(token);
      const next = { authorization: `Bearer ${String(rotated.headers["sign-in-token"])}` };
      const signedOut = await send(`${host.url}/sign-out`, { method: "POST", headers: next });
      expect([signedOut.body, signedOut.setCookies.length]).toEqual(['{"ended":true}', 1]);
      expect(JSON.parse((await send(`${host.url}/me`, { headers: next })).body)).toMatchObject({ owner: null });
    });

    test("a step that asks for a fresh proof is refused until there is a new one, in the same sign-in", async () => {
      const ada = owner();
      const device = browser();
      await device.signIn(ada);
      const before = (await device.call("current")).data as { signIn: { id: string } };
      world().advance(301_000);
      const unfresh = await device.send("/sensitive");
      expect(unfresh.status).toBe(401);
      const message = "Prove who you are again.";
      expect(JSON.parse(unfresh.body)).toEqual({ error: "sign_in_again", message, asked: { freshMs: 300_000 } });
      const unsure = await device.send("/secret");
      expect([unsure.status, JSON.parse(unsure.body)]).toMatchObject([401, { asked: { level: "aal2" } }]);
      expect(unsure.headers["cache-control"]).toBe("no-store");
      const old = device.cookie;
      await device.signIn(ada, ["password", "totp"]);
      expect((await device.send("/sensitive")).status).toBe(200);
      const { signIn } = (await device.call("current")).data as { signIn: { id: string; level: string } };
      expect(signIn).toMatchObject({ id: before.signIn.id, level: "aal2" });
      const stale = await browser().send("/me", { headers: { cookie: old } });
      expect([stale.status, stale.signInCookies]).toEqual([503, []]);
    });
  });
}
