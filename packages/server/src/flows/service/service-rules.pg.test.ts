import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineFlow, step, type Refusal } from "@sessions/core";
import { createSessions, serve } from "../../index.ts";
import { adoptSessions, visitorNamed } from "../../testing/adopting.ts";
import { createBank, createLedger, notes, submit, TestClient, transfer, type Context } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { testKeys } from "../../testing/secrets/keys.ts";
import { first, second } from "../../testing/order-versions.ts";
import { serviceDeviceOf } from "./service-id.ts";

const { pool } = await freshDatabase();
// The adoption has the real time.
let nowMs = Date.now();
const now = () => nowMs;
const node = createBank(pool, { sweeps: false, now });
const job = (owner: string) => node.as(owner, { name: "Payments job" });
const to = { name: "Grace", iban: "BE71096123456769" };

beforeAll(async () => {
  await node.migrate();
  await createLedger(pool);
});
afterAll(() => node.close());

const refused = (refusal: Partial<Refusal>) => ({ status: "refused", refusal });

test("a service is refused by the same rules as a browser, and each refusal has its code", async () => {
  const { start, submit: send, draft, cancel } = job("ada");
  const session = uuidv7();
  await start(transfer, { session });
  expect(await send(transfer, session, "amount", { cents: 5 })).toMatchObject(
    refused({ code: "step_unreachable", step: "amount", current: "recipient" }),
  );
  expect(await send(transfer, session, "recipient", { ...to, name: "" })).toMatchObject(
    refused({ code: "invalid_input" }),
  );
  // @ts-expect-error: the flow has no such step.
  expect(await send(transfer, session, "total", {})).toMatchObject(refused({ code: "unknown_step", step: "total" }));
  await send(transfer, session, "recipient", to);
  expect(await send(transfer, session, "amount", { cents: 5_000_001 })).toMatchObject(
    refused({ code: "rejected", reason: "Above the daily ceiling." }),
  );
  expect(await send(transfer, session, "amount", { cents: 66_600 })).toMatchObject(refused({ code: "failed" }));
  expect(await draft(transfer, session, "amount", { note: "n".repeat(70_000) })).toMatchObject(
    refused({ code: "too_large" }),
  );
  expect(await cancel(transfer, "no id")).toMatchObject(refused({ code: "malformed" }));

  for (const missing of [uuidv7(), (await job("eve").start(transfer)).session!.id]) {
    expect(await send(transfer, missing, "recipient", to)).toEqual({
      ...refused({ code: "not_found" }),
      session: null,
    });
    expect(await draft(transfer, missing, "recipient", to)).toMatchObject(refused({ code: "not_found" }));
    expect(await cancel(transfer, missing)).toMatchObject(refused({ code: "not_found" }));
  }
  // A session of another flow is as if it did not exist.
  expect(await cancel(notes, session)).toMatchObject(refused({ code: "not_found" }));

  await cancel(transfer, session);
  expect(await send(transfer, session, "amount", { cents: 5 })).toMatchObject({
    ...refused({ code: "ended", status: "cancelled" }),
    session: { status: "cancelled" },
  });
  const late = (await start(transfer)).session!.id;
  nowMs += 4 * 86_400_000;
  expect(await cancel(transfer, late)).toMatchObject({
    ...refused({ code: "expired" }),
    session: { status: "expired" },
  });
});

test("S3: a service that says what it saw is refused as a browser is, and one that does not accepts what it finds", async () => {
  const { start, submit: send, read } = job("bob");
  const session = uuidv7();
  await start(notes, { session });
  const before = await read(notes, session);
  const browser = new TestClient(node, "bob", "Laptop");
  await browser.one(submit(session, "left", { text: "from the laptop" }));

  expect(await send(notes, session, "left", { text: "mine" }, { seen: before! })).toMatchObject(
    refused({ code: "conflict", step: "left", changed: ["left"], theirs: { text: "from the laptop" } }),
  );
  const seen = (await read(notes, session))!;
  const mine = await send(notes, session, "left", { text: "mine" }, { seen, command: "left" });
  expect(mine).toMatchObject({ status: "accepted", revision: 3 });
  // A repeat gets its first outcome, no matter what it saw.
  expect(await send(notes, session, "left", { text: "mine" }, { command: "left" })).toMatchObject({ replayed: true });
  expect(await send(notes, session, "left", { text: "newest" })).toMatchObject({ status: "accepted", revision: 4 });
});

test("a step that asks for a proof is refused, until the service says when the person proved who they are", async () => {
  const asking = defineFlow({
    name: "asking",
    version: 1,
    steps: {
      review: step({ input: z.object({}), confirm: true, fresh: "5m", level: "aal2" }),
    },
  });
  const asked = createSessions<Context>({ database: pool, now, identify: () => null, flows: [serve(asking, {})] });
  const session = uuidv7();
  const confirmAs = (proof?: { provedAt: number; level: "aal1" | "aal2" }) =>
    asked.as("ada", { name: "Job", ...(proof && { proof }) }).submit(asking, session, "review", {});
  await asked.as("ada", { name: "Job" }).start(asking, { session });
  const signInAgain = refused({ code: "sign_in_again", step: "review", freshMs: 300_000, level: "aal2" });
  expect(await confirmAs()).toMatchObject(signInAgain);
  expect(await confirmAs({ provedAt: nowMs - 300_001, level: "aal2" })).toMatchObject(signInAgain);
  expect(await confirmAs({ provedAt: nowMs, level: "aal1" })).toMatchObject(signInAgain);
  expect(await confirmAs({ provedAt: nowMs, level: "aal2" })).toMatchObject({ status: "accepted" });
  await asked.close();
});

test("S12: a session of another version is lifted for a service, or shown without values and refused as outdated", async () => {
  const [old, next] = [first, second].map((flow) =>
    createSessions<Context>({
      database: pool,
      now,
      identify: () => null,
      flows: [
        serve(flow as typeof second, flow === first ? ({} as never) : { steps: { amount: () => ({ feeCents: 1 }) } }),
      ],
    }),
  ) as [typeof node, typeof node];
  const session = uuidv7();
  const oldJob = old.as("ada", { name: "Job" });
  await oldJob.start(first, { session });
  await oldJob.submit(first, session, "payee", { name: "Grace" }, { command: "payee" });

  const nextJob = next.as("ada", { name: "Job" });
  expect(await nextJob.read(second, session)).toMatchObject({ version: 2, data: { recipient: { fullName: "Grace" } } });
  // The job runs again after the deploy.
  expect(await nextJob.start(second, { session })).toMatchObject({ status: "accepted", revision: 1, replayed: true });
  expect(await nextJob.submit(second, session, "address", { street: "Main" })).toMatchObject({
    status: "accepted",
    session: { version: 2, progress: { current: "amount" } },
  });
  expect(await oldJob.read(first, session)).toMatchObject({ version: 2, data: {}, progress: { current: "payee" } });
  expect(await oldJob.cancel(first, session)).toMatchObject(refused({ code: "outdated", given: 2, current: 1 }));
  await expect(oldJob.read(second, session)).rejects.toMatchObject({ code: "configuration_invalid" });
});

test("S11: what is entered in a sensitive step is not in the sessions that a service gets", async () => {
  const card = defineFlow({
    name: "card",
    version: 1,
    steps: {
      card: step({ input: z.object({ number: z.string() }), sensitive: true }),
      last: step({ input: z.object({}) }),
    },
  });
  const bank = createSessions<Context>({
    database: pool,
    now,
    identify: () => null,
    keys: testKeys,
    flows: [serve(card, {})],
  });
  const { start, submit: send, list, read } = bank.as("ada", { name: "Job" });
  const { id } = (await start(card)).session!;
  const got = [await send(card, id, "card", { number: "4111 1111" }), await read(card, id), await list(card)];
  expect(got[1]).toMatchObject({ data: { card: null } });
  expect(JSON.stringify(got)).not.toContain("4111");
});

test("S20: a visitor's service goes on until the visitor signs in, and is then told to ask for the owner", async () => {
  const visitor = visitorNamed("service");
  const session = uuidv7();
  expect(await job(visitor).start(notes, { session })).toMatchObject({ status: "accepted" });
  await adoptSessions(node, visitor, "ada");
  const adopted = { name: "SessionsError", code: "visitor_adopted" };
  await expect(job(visitor).read(notes, session)).rejects.toMatchObject(adopted);
  await expect(job(visitor).start(notes)).rejects.toMatchObject(adopted);
  expect(await job("ada").cancel(notes, session)).toMatchObject({ status: "accepted" });
});

test("a browser cannot send as the device of a service", async () => {
  const browser = new TestClient(node, "ada");
  const pushing = browser.caller.push({ protocol: 1, device: serviceDeviceOf("Payments job"), commands: [] });
  await expect(pushing).rejects.toMatchObject({ code: "BAD_REQUEST" });
});

test("a wrong owner, name, proof or command is told, and so is a closed node", async () => {
  const invalid = expect.objectContaining({ code: "configuration_invalid" });
  expect(() => node.as("", { name: "Job" })).toThrow(invalid);
  for (const name of ["", "n".repeat(101), "nul \0"]) expect(() => node.as("ada", { name })).toThrow(invalid);
  expect(() => node.as("ada", { name: "Job", proof: { provedAt: Number.NaN } })).toThrow(invalid);
  await expect(job("ada").receipt(uuidv7(), "")).rejects.toMatchObject({ code: "configuration_invalid" });

  const closed = createBank(pool, { sweeps: false });
  const { list } = closed.as("ada", { name: "Job" });
  await closed.close();
  await expect(list(notes)).rejects.toMatchObject({ code: "closed" });
});
