import { randomBytes } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repetitions } from "../../../../scripts/repetitions.ts";
import { createKysely } from "../postgres/database.ts";
import type { Tables } from "../flows/rows/tables.ts";
import { verify } from "../flows/verification/verify.ts";
import { createBank, createLedger, start, TestClient } from "../testing/bank.ts";
import { cuttingPool } from "../testing/connections/cutting-pool.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { accepted } from "../testing/two-nodes.ts";
import { Browser } from "../testing/visits/browser.ts";
import { hosts, type RunningHost } from "../testing/visits/hosts.ts";
import { createSignIns } from "./create-sign-ins.ts";
import { visitorOf } from "./request/visitor-secret.ts";
import type { ReadOnlyVisit, Visit } from "./visit/visit.ts";

const { pool, url } = await freshDatabase();
const cutting = cuttingPool({ connectionString: url, max: 4 });

/** A node with sign-ins and sessions. `as` names who makes the requests of a client. */
function createNode(database: typeof pool, options: { readonly perOwner?: number } = {}) {
  const signIns = createSignIns({
    database,
    visitors: true,
    sweeps: false,
    onError: () => {},
    atMost: { perOwner: options.perOwner ?? 100, beyond: "refuse" },
  });
  const visits = new Map<string, ReadOnlyVisit>();
  const sessions = createBank(database, {
    sweeps: false,
    identify: ({ user }) => signIns.identify({ visit: visits.get(user!) as Visit }),
  });
  signIns.adopts(sessions.adoption);
  const as = async (headers: Readonly<Record<string, string>>) => {
    const name = uuidv7();
    visits.set(name, await signIns.read(new Headers({ host: "bank.example", ...headers })));
    return new TestClient(sessions, name);
  };
  return { signIns, sessions, as };
}

const { signIns, sessions, as } = createNode(pool);
const db = createKysely<Tables>(pool).withSchema("sessions");
let host: RunningHost;

beforeAll(async () => {
  await signIns.migrate();
  await sessions.migrate();
  await createLedger(pool);
  host = await hosts["node"]!(signIns);
});
afterAll(async () => {
  await host.stop();
  await signIns.close();
  await sessions.close();
  await cutting.pool.end();
});

const whens = ["before", "after"] as const;
const newSecret = () => randomBytes(32).toString("base64url");
const bySecret = (secret: string) => ({ "sign-in-visitor": secret });
const browser = () => new Browser(host.url);
const password = { factors: ["password"] };
/** The client of a browser, as its cookies say. */
const clientOf = (device: Browser) => as({ cookie: device.cookie });

describe("the secret of a visitor", () => {
  test("S20: is handed out once, in a cookie that scripts and other sites do not get, when something is kept", async () => {
    const device = browser();
    const answered = await device.post("/keep");
    const [cookie, ...others] = answered.setCookies.filter((each) => !each.startsWith("theme"));
    expect(others).toEqual([]);
    expect(cookie).toMatch(
      /^__Host-sign-in-visitor=[\w-]{43};(?=.*\bHttpOnly)(?=.*\bSecure)(?=.*\bSameSite=Lax)(?=.*\bPath=\/)(?=.*Max-Age=34560000)/,
    );
    expect(answered.headers["cache-control"]).toBe("no-store");
    const { visitor } = JSON.parse(answered.body) as { visitor: string };
    expect(visitor).toBe(visitorOf(device.jar.get("__Host-sign-in-visitor")!));

    const again = await device.post("/keep");
    expect(JSON.parse(again.body)).toEqual({ visitor });
    expect(again.setCookies.filter((each) => each.includes("visitor"))).toEqual([]);
    expect(JSON.parse((await device.send("/me")).body)).toMatchObject({ owner: null });
  });

  test.for<[form: string, secret: string]>([
    ["nothing", ""],
    ["too short a one", "A".repeat(42)],
    ["one with padding", `${"A".repeat(43)}=`],
    ["one with bits too many", `${"A".repeat(42)}B`],
    ["another text", "é".repeat(43)],
  ])("S20: counts in one form alone: %s is nobody's", async ([, secret]) => {
    expect(visitorOf(secret)).toBeUndefined();
    const client = await as({ cookie: `__Host-sign-in-visitor=${encodeURIComponent(secret)}` });
    await expect(client.list()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });

  test("S20: requests of nobody leave no row and get no cookie", async () => {
    const counted = async () => {
      const tables = ["owner", "device", "session", "session_archive", "session_event", "sign_in", "sign_in_event"];
      const counts = tables.map((table) => `(select count(*) from sessions.${table})`);
      return (await pool.query<{ rows: string }>(`select ${counts.join(" + ")} as rows`)).rows[0]!.rows;
    };
    const before = await counted();
    for (let sent = 0; sent < repetitions({ few: 1_000, many: 100_000 }); sent += 10) {
      const answers = Array.from({ length: 10 }, (_, index) =>
        signIns.fetch(
          new Request("https://bank.example/", index % 2 === 0 ? {} : { headers: bySecret(newSecret()) }),
          (visit) => Response.json({ visitor: visit.visitor !== null, owner: visit.owner }),
        ),
      );
      for (const [index, response] of (await Promise.all(answers)).entries()) {
        expect(response.headers.getSetCookie()).toEqual([]);
        expect(await response.json()).toEqual({ visitor: index % 2 === 1, owner: null });
      }
    }
    expect(await counted()).toBe(before);
  });

  test("nobody is signed in as a visitor", async () => {
    const visitor = visitorOf(newSecret())!;
    await expect(
      signIns.fetch(new Request("https://bank.example/", { method: "POST" }), async (visit) =>
        Response.json(await visit.signInAs(visitor, password)),
      ),
    ).rejects.toMatchObject({ code: "context_invalid" });
  });
});

describe("a sign-in adopts", () => {
  test("S20: the visitors of the page and of the cookie, and the browser's cookie goes", async () => {
    const [device, secret] = [browser(), newSecret()];
    await device.post("/keep");
    const ofPage = await (await as(bySecret(secret))).untilReview();
    const ofCookie = await (await clientOf(device)).untilReview();
    const answered = await device.post("/sign-in", { owner: "ada", ...password }, bySecret(secret));
    expect(JSON.parse(answered.body)).toEqual({ ok: true });
    expect(device.jar.has("__Host-sign-in-visitor")).toBe(false);
    const ada = await clientOf(device);
    for (const { session, review } of [ofPage, ofCookie]) {
      expect(await ada.read(session)).toMatchObject({ revision: 4 });
      expect(await ada.one(review)).toEqual(accepted(5));
    }
    await expect((await as(bySecret(secret))).list()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });

  test("S20: later, when the page asks for it: once, for the owner alone, and with the page's own value", async () => {
    const [device, other, secret] = [browser(), browser(), newSecret()];
    const { session } = await (await as(bySecret(secret))).untilReview();
    expect((await device.call("adopt", {}, bySecret(secret))).code).toBe("UNAUTHORIZED");
    await device.signIn("bob");
    await other.signIn("eve");
    const forged = await device.call("adopt", {}, { ...bySecret(secret), "sign-in-csrf": "x" });
    expect([forged.code, await tombstone(secret)]).toEqual(["FORBIDDEN", null]);
    for (let time = 0; time < 2; time += 1) {
      expect((await device.call("adopt", {}, bySecret(secret))).data).toEqual({ adopted: true });
    }
    expect((await other.call("adopt", {}, bySecret(secret))).data).toEqual({ adopted: false });
    expect((await other.call("adopt")).data).toEqual({ adopted: false });
    expect(await (await clientOf(device)).read(session)).toMatchObject({ id: session });
    expect(await (await clientOf(other)).read(session)).toBeNull();
  });

  test("S20: nothing, if the limit refuses the sign-in", async () => {
    const strict = createNode(pool, { perOwner: 1 });
    const secret = newSecret();
    const stranger = await as(bySecret(secret));
    await stranger.one(start(uuidv7(), "notes"));
    const signIn = () =>
      strict.signIns.fetch(
        new Request("https://bank.example/", { method: "POST", headers: bySecret(secret) }),
        async (visit) => Response.json(await visit.signInAs("cy", password)),
      );
    await browser().signIn("cy");
    expect(await (await signIn()).json()).toEqual({ ok: false, refused: "sign_in_limit" });
    expect(await tombstone(secret)).toBeNull();
    expect((await stranger.list()).active).toHaveLength(1);
    await strict.signIns.close();
  });

  test("S20: all or nothing when the connection is lost at any statement, and all when it is sent again", async () => {
    const node = createNode(cutting.pool);
    let hasCut = true;
    for (let nth = 0; hasCut; nth += 1) {
      for (const when of repetitions({ few: 1, many: 2 }) === 1 ? [whens[nth % 2]!] : whens) {
        const ofRound = newSecret();
        const session = uuidv7();
        await (await as(bySecret(ofRound))).one(start(session, "notes"));
        let left = nth;
        const { cuts } = cutting;
        cutting.cutAt({ test: () => left-- === 0 }, when);
        const request = () =>
          new Request("https://bank.example/", {
            method: "POST",
            headers: { host: "bank.example", ...bySecret(ofRound) },
          });
        const send = () =>
          node.signIns.fetch(request(), async (visit) => Response.json(await visit.signInAs("dan", password)));
        const answered = await send();
        hasCut = cutting.cuts > cuts;
        cutting.cutAt(/$^/, when);
        expect([200, 503]).toContain(answered.status);
        const adopter = await tombstone(ofRound);
        if (answered.status === 200) expect(adopter).toBe("dan");
        const { rows } = await pool.query<{ owner_id: string }>("select owner_id from sessions.session where id = $1", [
          session,
        ]);
        expect(rows).toEqual([{ owner_id: adopter ?? visitorOf(ofRound) }]);

        const repeated = await send();
        expect(repeated.status).toBe(200);
        const cookie = repeated.headers.getSetCookie()[0]!.split(";")[0]!;
        expect(await (await as({ cookie })).read(session)).toMatchObject({ revision: 2 });
      }
    }
    expect((await verify(db)).broken).toBeNull();
    await node.signIns.close();
    await node.sessions.close();
  });
});

describe("the parts of the server must fit", () => {
  const refused = { code: "configuration_invalid" };

  test("sessions of another schema or database are refused, and so are visitors whose sessions nobody would get", () => {
    const invalid = (options: object) => {
      const other = createSignIns({ database: pool, visitors: true, sweeps: false, ...options });
      expect(() => other.adopts(sessions.adoption)).toThrow(expect.objectContaining(refused));
      return other.close();
    };
    return Promise.all([
      invalid({ schema: "other" }),
      invalid({ database: cutting.pool }),
      invalid({ visitors: false }),
    ]);
  });

  test("a visitor whose sessions nobody would get is refused", async () => {
    const other = createSignIns({ database: pool, visitors: true, sweeps: false });
    const visit = (await other.read(new Headers(bySecret(newSecret())))) as Visit;
    expect(() => other.identify({ visit })).toThrow(expect.objectContaining(refused));
    await other.close();
  });
});

/** Who has adopted the visitor of a secret. */
async function tombstone(secret: string): Promise<string | null> {
  const { rows } = await pool.query<{ adopted_by: string | null }>(
    "select adopted_by from sessions.owner where owner_id = $1",
    [visitorOf(secret)],
  );
  return rows[0]?.adopted_by ?? null;
}
