import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PROTOCOL_VERSION, type Command } from "@sessions/core/internal";
import { v7 as uuidv7 } from "uuid";
import { afterAll, expect, onTestFinished, test, vi } from "vitest";
import { createSessions } from "../../index.ts";
import type { Visit } from "../../sign-in/index.ts";
import { createLedger, ledgerOf, start, submit, TestClient, type Context } from "../bank.ts";
import { testKeys } from "../secrets/keys.ts";
import { served as servedHiding } from "./hidden.ts";
import { sendMails, served, type Mail } from "./outbox.ts";
import { freshDatabase } from "../postgres.ts";
import { send } from "../visits/browser.ts";

// The README copies its code from that file: scripts/documents.test.ts compares them.
const { url } = await freshDatabase();
vi.stubEnv("DATABASE_URL", url);
const { appRouter, pool, sessions } = await import("./router.ts");
const { app, signIns } = await import("./sign-ins.ts");
const { addToCart, signIns: signInsWithData } = await import("./cart.ts");
const carts = await import("./carts.ts");
const { activity } = await import("./activity.ts");
const { dashboard, operatorsApp } = await import("./dashboard.ts");
const { projections } = await import("./projections.ts");
const visiting = await import("./visitors.ts");
const { carryOut } = await import("./service.ts");
const { projections: ofErasures } = await import("./erasures.ts");
await createLedger(pool);
afterAll(async () => {
  await sessions.close();
  await signIns.close();
  await signInsWithData.close();
  await carts.signIns.close();
  await activity.close();
  await dashboard.close();
  await projections.close();
  await ofErasures.close();
  await visiting.sessions.close();
  await visiting.signIns.close();
  await pool.end();
});

test("what the README shows takes a transfer to its end, and writes what the application writes", async () => {
  const caller = appRouter.createCaller({ user: { id: "ada" } });
  const device = { id: uuidv7(), name: "Test device" };
  const push = async (...commands: Command[]) =>
    (await caller.sessions.push({ protocol: PROTOCOL_VERSION, device, commands })).outcomes;

  const session = uuidv7();
  const recipient = submit(session, "recipient", { name: "Grace", iban: "BE71096123456769" });
  const [, , refused] = await push(start(session), recipient, submit(session, "amount", { cents: 5_000_001 }));
  expect(refused).toMatchObject({ refusal: { code: "rejected", reason: "Above the daily ceiling." } });

  const amount = submit(session, "amount", { cents: 12_300 });
  const seen = { review: null, recipient: recipient.id, amount: amount.id };
  const outcomes = await push(amount, submit(session, "review", { accepted: true }, seen));
  expect(outcomes).toMatchObject([{ status: "accepted" }, { status: "accepted" }]);
  expect((await caller.sessions.read({ session })).session).toMatchObject({
    status: "completed",
    outputs: { amount: { feeCents: 25 } },
    result: { reference: `R-${session}` },
  });
  expect(await ledgerOf(pool, "ada")).toMatchObject([{ session_id: session }]);
  await expect(appRouter.createCaller({ user: null }).sessions.read({ session })).rejects.toThrow("Sign in first.");
});

test("what the page on secrets shows hides the risk of an account, decides by it, and tells it to nobody", async () => {
  const node = createSessions<Context>({
    database: pool,
    schema: "hiding",
    identify: ({ user }) => user !== undefined && { owner: user },
    keys: testKeys,
    sweeps: false,
    flows: [servedHiding],
  });
  onTestFinished(() => node.close());
  await node.migrate();
  const ada = new TestClient(node, "ada");
  for (const [iban, cents, reference] of [
    ["BE71096123456769", 500_000, "R"],
    ["NL02ABNA0123456789", 5_000, "CHECK"],
  ] as const) {
    const session = uuidv7();
    const recipient = submit(session, "recipient", { name: "Grace", iban });
    const amount = submit(session, "amount", { cents });
    const tooMuch = iban.startsWith("NL") ? [submit(session, "amount", { cents: 500_000 })] : [];
    const seen = { review: null, recipient: recipient.id, amount: amount.id };
    const review = submit(session, "review", { accepted: true }, seen);
    const reply = await ada.push(start(session), recipient, ...tooMuch, amount, review);
    const reasons = reply.outcomes.flatMap((outcome) => (outcome.status === "refused" ? [outcome.refusal] : []));
    expect(reasons.map((refusal) => "reason" in refusal && refusal.reason)).toEqual(
      tooMuch.map(() => "Call us for this amount."),
    );
    expect(await ada.read(session)).toMatchObject({ result: { reference: `${reference}-${session}` } });
    expect(JSON.stringify(reply)).not.toContain("risk");
  }
});

test("what the README shows signs a person in who knows the password", async () => {
  await signIns.migrate();
  const server = createServer(app).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sign-in`;
  const signIn = (password: string) => send(url, { method: "POST", body: { name: "ada", password } });
  expect((await signIn("difference engine")).status).toBe(401);
  expect(await signIn("analytical engine")).toMatchObject({
    body: '{"ok":true}',
    signInCookies: [expect.stringMatching(/^sign-in=/)],
  });
});

test("what the page on values shows adds to the cart of a person, whichever browser they use", async () => {
  await signInsWithData.migrate();
  const headers = { "sec-fetch-site": "same-origin" };
  const post = (body: string, more = {}) =>
    new Request("https://bank.example/cart", { method: "POST", body, headers: { ...headers, ...more } });
  const signedIn = async () => {
    const response = await signInsWithData.fetch(post(""), async (visit) =>
      Response.json(await visit.signInAs("ada", { factors: ["password"] })),
    );
    return { cookie: response.headers.getSetCookie()[0]!.split(";")[0]! };
  };
  const [phone, laptop] = [await signedIn(), await signedIn()];
  expect(await (await addToCart(post("tea", phone))).json()).toEqual({ items: ["tea"] });
  expect(await (await addToCart(post("milk", laptop))).json()).toEqual({ items: ["tea", "milk"] });
});

test("S20: what the page on values shows adds a stranger's cart to the one of the person", async () => {
  await signInsWithData.migrate();
  const headers = { "sec-fetch-site": "same-origin" };
  const post = (cookie = "") =>
    new Request("https://bank.example/cart", { method: "POST", headers: { ...headers, cookie } });
  const add = (item: string, asPerson: boolean, cookie?: string) =>
    carts.signIns.fetch(post(cookie), async (visit) => {
      if (asPerson) await visit.signInAs("ada", { factors: ["password"] });
      return Response.json(await visit.data.change("cart", () => ({ items: [item] })));
    });
  await add("tea", true);
  const [visitor] = (await add("milk", false)).headers.getSetCookie();
  const response = await carts.signIn(post(visitor!.split(";")[0]));
  expect(await response.json()).toEqual({ items: ["tea", "milk"] });
});

test("what the page on effects shows sends one mail for a completed transfer, and tries again what failed", async () => {
  await pool.query(`create table outbox (
    id bigint generated always as identity primary key, owner text not null, subject text not null, sent_at timestamptz
  )`);
  const bank = createSessions<Context>({
    database: pool,
    identify: ({ user }) => user !== undefined && { owner: user },
    flows: [served],
    sweeps: false,
  });
  onTestFinished(() => bank.close());
  const teller = new TestClient(bank, "grace");
  const { review } = await teller.untilReview();

  const send = vi.fn<(mail: Mail) => Promise<void>>().mockRejectedValueOnce(new Error("The mail server is away."));
  expect(await sendMails(pool, send)).toBe(0);
  expect(await teller.one(review)).toMatchObject({ status: "accepted" });
  expect(await teller.one(review)).toMatchObject({ status: "accepted", replayed: true });
  await expect(sendMails(pool, send)).rejects.toThrow("away");
  expect(await Promise.all([sendMails(pool, send), sendMails(pool, send)])).toContain(1);
  expect(await sendMails(pool, send)).toBe(0);
  // The mail is sent twice with the same id. The receiver recognizes it by the id.
  const mail = { id: "1", owner: "grace", subject: "You have sent money to Grace." };
  expect(send.mock.calls).toEqual([[mail], [mail]]);
});

test("S20: what the page on visitors shows lets somebody begin before the sign-in", async () => {
  await visiting.signIns.migrate();
  const headers = { "sign-in-visitor": "A".repeat(43) };
  const post = (work: (visit: Visit) => Promise<object>) =>
    visiting.signIns.fetch(new Request("https://bank.example", { method: "POST", headers }), async (visit) =>
      Response.json(await work(visit)),
    );
  const id = uuidv7();
  const push = { protocol: PROTOCOL_VERSION, device: { id: uuidv7(), name: "Phone" }, commands: [start(id)] };
  await post((visit) => visiting.sessions.router.createCaller({ visit }).push(push));
  const read = post(async (visit) => {
    await visit.signInAs("ada", { factors: ["password"] });
    return visiting.sessions.router.createCaller({ visit }).read({ session: id });
  });
  expect(await (await read).json()).toMatchObject({ session: { id, status: "active", revision: 2 } });
});

test("what the page on activities shows records an event", async () => {
  await activity.migrate();
  const id = await activity.record("ada", "post_opened", { post: "42" });
  const { rows } = await pool.query("select id, data from sessions.activity_event");
  expect(rows).toEqual([{ id, data: { post: "42" } }]);
});

test("the dashboard that docs/operating/dashboard.md mounts lets the operator in, and nobody else", async () => {
  await signIns.migrate();
  await dashboard.migrate();
  const server = createServer(operatorsApp).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/operators?view=health`;
  const cookieOf = async (owner: string) => {
    const request = new Request(url, { method: "POST", headers: { origin: new URL(url).origin } });
    const answer = await signIns.fetch(request, async (visit) => {
      await visit.signInAs(owner, { factors: ["password"] });
      return new Response();
    });
    return answer.headers.getSetCookie()[0]!.split(";")[0]!;
  };
  expect((await fetch(url)).status).toBe(404);
  expect((await fetch(url, { headers: { cookie: await cookieOf("ada") } })).status).toBe(404);
  const shown = await fetch(url, { headers: { cookie: await cookieOf("olga") } });
  expect(shown.status).toBe(200);
  expect(await shown.text()).toContain("Operator: <bdi>olga</bdi>");
});

test("what the page on projections shows sends a mail for a new transfer alone, and fills the table to search", async () => {
  const caller = appRouter.createCaller({ user: { id: "bob" } });
  const device = { id: uuidv7(), name: "Test device" };
  await projections.migrate();
  await projections.start();
  await projections.caughtUp("completed_mail", "now");
  const before = await pool.query("select from outbox where subject = 'Your transfer is done.'");
  expect(before.rowCount).toBe(0);

  const session = uuidv7();
  const recipient = submit(session, "recipient", { name: "Grace", iban: "BE71096123456769" });
  const amount = submit(session, "amount", { cents: 5 });
  const review = submit(
    session,
    "review",
    { accepted: true },
    { review: null, recipient: recipient.id, amount: amount.id },
  );
  await caller.sessions.push({
    protocol: PROTOCOL_VERSION,
    device,
    commands: [start(session), recipient, amount, review],
  });
  await projections.caughtUp("transfer_search", { owner: "bob", session });
  await projections.caughtUp("completed_mail", "now");
  const { rows } = await pool.query("select owner, recipient, status from transfer_search where session = $1", [
    session,
  ]);
  expect(rows).toEqual([{ owner: "bob", recipient: "Grace", status: "completed" }]);
  const mails = await pool.query("select owner from outbox where subject = 'Your transfer is done.'");
  expect(mails.rows).toEqual([{ owner: "bob" }]);
});

test("S2: the standing order that docs/building/server-api.md shows sends the money once, on how many nodes it runs", async () => {
  const order = {
    owner: "rosa",
    session: uuidv7(),
    recipient: { name: "Grace", iban: "BE71096123456769" },
    cents: 50_000,
  };
  const references = await Promise.all([carryOut(order), carryOut(order)]);
  expect(references).toEqual([`R-${order.session}`, `R-${order.session}`]);
  expect(await carryOut(order)).toBe(references[0]);
  expect(await ledgerOf(pool, "rosa")).toHaveLength(1);
  await expect(carryOut({ ...order, cents: 1 })).rejects.toThrow("command_mismatch");
});

test("S24: the projection that docs/operating/data-protection.md shows deletes the application's rows of an erased owner", async () => {
  const order = { owner: "sara", session: uuidv7(), recipient: { name: "Grace", iban: "BE71096123456769" }, cents: 5 };
  await carryOut(order);
  expect(await ledgerOf(pool, "sara")).toHaveLength(1);
  await ofErasures.migrate();
  await ofErasures.start();
  await sessions.as("sara", { name: "Privacy desk" }).erase();
  await ofErasures.caughtUp("erased_accounts", "now");
  expect(await ledgerOf(pool, "sara")).toEqual([]);
});
