import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { initTRPC } from "@trpc/server";
import { createExpressMiddleware } from "@trpc/server/adapters/express";
import express from "express";
import { Client, Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROTOCOL_VERSION } from "@sessions/core/internal";
import { createSessions, postgresBus, serve, type Bus } from "../index.ts";
import { notes, start } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { Browser } from "../testing/visits/browser.ts";
import { createSignIns } from "./create-sign-ins.ts";
import type { Visit } from "./visit/visit.ts";

const { url: databaseUrl } = await freshDatabase();

/** Sign-ins and sessions of one kind of people. */
function createPart(
  database: Pool,
  bus: Bus,
  schemas: readonly [signIns: string, sessions: string],
  cookieName?: string,
) {
  const shared = { database, bus, sweeps: false };
  const signIns = createSignIns({ ...shared, schema: schemas[0], ...(cookieName !== undefined && { cookieName }) });
  const sessions = createSessions<{ readonly visit: Visit }>({
    ...shared,
    schema: schemas[1],
    identify: signIns.identify,
    flows: [serve(notes, {})],
  });
  const t = initTRPC.context<{ readonly visit: Visit }>().create();
  const router = t.router({ signIns: signIns.router, sessions: sessions.router });
  const app = express.Router();
  app.use(signIns.express());
  app.use("/trpc", createExpressMiddleware({ router, createContext: signIns.context }));
  app.post("/sign-in", express.json(), async (req, res) => {
    const { owner, factors } = req.body as { readonly owner: string; readonly factors: readonly string[] };
    res.json(await req.visit.signInAs(owner, { factors }));
  });
  return { signIns, sessions, app };
}

/** A node of one application for customers and for its staff, on one bus and one pool. */
async function createNode() {
  const database = new Pool({ connectionString: databaseUrl, max: 4 });
  const bus = postgresBus({ client: () => new Client({ connectionString: databaseUrl }) });
  const bank = createPart(database, bus, ["bank", "bank"]);
  const office = createPart(database, bus, ["staff", "office"], "staff-sign-in");
  const server: Server = createServer(express().use("/bank", bank.app).use("/office", office.app));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = async () => {
    server.closeAllConnections();
    server.close();
    for (const { signIns, sessions } of [bank, office]) {
      await sessions.close();
      await signIns.close();
    }
    await database.end();
  };
  return { bank, office, close, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const nodes = [await createNode(), await createNode()] as const;
const [node, other] = nodes;

beforeAll(async () => {
  for (const { signIns, sessions } of [node.office, node.bank]) {
    await sessions.migrate();
    await signIns.migrate();
  }
});
afterAll(() => Promise.all(nodes.map(({ close }) => close())));

/** One browser at both parts of the application: they share its cookies. */
function openBrowser({ url } = node) {
  const bank = new Browser(`${url}/bank`);
  const office = Object.assign(new Browser(`${url}/office`), { jar: bank.jar });
  return { bank, office };
}

const ownerOf = async (browser: Browser) => ((await browser.call("current")).data as { owner: string | null }).owner;
const cookieNames = ({ jar }: Browser) => [...jar.keys()].toSorted();

test("two createSignIns of one host have a cookie each, and a token of one is nobody to the other", async () => {
  const { bank, office } = openBrowser();
  await bank.signIn("ada");
  expect(await ownerOf(office)).toBeNull();
  await office.signIn("ada");
  expect(cookieNames(bank)).toEqual(["__Host-sign-in", "__Host-staff-sign-in"]);

  const [ofBank, ofOffice] = [bank.jar.get("__Host-sign-in")!, bank.jar.get("__Host-staff-sign-in")!];
  const thief = openBrowser(other);
  for (const [browser, name, token] of [
    [thief.bank, "__Host-sign-in", ofOffice],
    [thief.office, "__Host-staff-sign-in", ofBank],
  ] as const) {
    browser.jar.set(name, token);
    expect((await browser.call("current")).data).toMatchObject({ owner: null, ended: null });
    browser.jar.clear();
    const headers = { authorization: `Bearer ${token}` };
    expect((await browser.call("current", undefined, headers)).data).toMatchObject({ owner: null, ended: null });
  }
  expect([await ownerOf(bank), await ownerOf(office)]).toEqual(["ada", "ada"]);

  await office.call("signOut");
  expect(cookieNames(bank)).toEqual(["__Host-sign-in"]);
  expect([await ownerOf(bank), await ownerOf(office)]).toEqual(["ada", null]);
});

test("sessions keep to the sign-ins of their own part, in the same schema and in another one", async () => {
  const { bank, office } = openBrowser();
  await bank.signIn("grace");
  await office.signIn("grace");
  const push = (browser: Browser, session: string) =>
    browser.post("/trpc/sessions.push", {
      protocol: PROTOCOL_VERSION,
      device: { id: uuidv7(), name: "Browser" },
      commands: [start(session, notes.name)],
    });
  const session = uuidv7();
  expect((await push(bank, session)).status).toBe(200);
  const input = encodeURIComponent(JSON.stringify({ session }));
  const read = async (browser: Browser) => (await browser.send(`/trpc/sessions.read?input=${input}`)).body;
  expect(await read(bank)).toContain(session);
  expect(await read(office)).toContain('"session":null');
  await bank.call("signOut");
  expect(await read(bank)).toContain("UNAUTHORIZED");
  expect(await read(office)).toContain('"session":null');
});

test("S16: ending everybody's sign-ins in one schema signs nobody out in another one on the same bus", async () => {
  const [here, elsewhere] = [openBrowser(), openBrowser(other)];
  await here.bank.signIn("ada");
  await here.office.signIn("ada");
  elsewhere.bank.jar.set("__Host-sign-in", here.bank.token!);
  elsewhere.bank.jar.set("__Host-staff-sign-in", here.bank.jar.get("__Host-staff-sign-in")!);
  expect([await ownerOf(elsewhere.bank), await ownerOf(elsewhere.office)]).toEqual(["ada", "ada"]);

  const heard = Promise.withResolvers<void>();
  const ended: string[] = [];
  const visits: Visit[] = [];
  const look = async (part: typeof node.bank) => {
    const cookie = here.bank.cookie;
    await part.signIns.fetch(new Request("https://bank.example/", { headers: { cookie } }), (visit) => {
      visits.push(visit);
      return new Response();
    });
    return part.signIns.identify({ visit: visits.at(-1)! })!;
  };
  (await look(other.bank)).onEnded(() => ended.push("bank"));
  (await look(other.office)).onEnded(() => heard.resolve());

  expect(await node.office.signIns.endEverybody()).toBeGreaterThan(0);
  await heard.promise;
  for (const { bank, office } of [here, elsewhere]) {
    expect([await ownerOf(bank), await ownerOf(office)]).toEqual(["ada", null]);
  }
  expect(ended).toEqual([]);
  const fresh = openBrowser(other);
  await fresh.bank.signIn("eve");
  expect(await ownerOf(fresh.bank)).toBe("eve");

  expect(await node.bank.signIns.endAll("ada")).toBeGreaterThan(0);
  expect(await ownerOf(here.bank)).toBeNull();
});
