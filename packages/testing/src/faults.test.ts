import { defineFlow, step } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { cancel, idOf, start, submit } from "../../core/src/testing/commands.ts";
import { serve } from "./index.ts";
import { amount, recipient, transfer } from "./testing/bank.ts";
import { openPage } from "./testing/page.ts";

const flows = [serve(transfer, { steps: { amount: () => ({ feeCents: 25 }) }, complete: () => ({ reference: "R" }) })];
const open = () => openPage({ flows, onError: () => {}, owner: "ada" });
const session = idOf(1);

test("a dropped reply is a network error, and the push took effect", async () => {
  const page = open();
  page.server.dropReply();
  const begin = start(session, "transfer");
  await expect(page.one(begin)).rejects.toThrow("fetch");
  expect(await page.one(begin)).toEqual({ status: "accepted", revision: 1, replayed: true });
});

test("a staged refusal refuses one submission of the step, and changes nothing", async () => {
  const page = open();
  const { id } = await page.server.seed(transfer);
  page.server.refuse("recipient", "The account is closed.");
  const first = submit(id, "recipient", recipient);
  expect(await page.one(first)).toEqual({
    status: "refused",
    refusal: { code: "rejected", step: "recipient", reason: "The account is closed." },
  });
  expect(page.server.snapshot(id).data).toEqual({});
  expect(await page.one(first)).toMatchObject({ status: "accepted" });
  page.server.refuse("amount", { code: "failed" });
  expect(await page.one(submit(id, "amount", amount))).toEqual({ status: "refused", refusal: { code: "failed" } });
});

test("a staged refusal does not meet another device, or a submission that is refused anyway", async () => {
  const page = open();
  const { id } = await page.server.seed(transfer);
  page.server.refuse("recipient", "No.");
  expect(await page.one(submit(id, "recipient", { name: "" }))).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(await page.server.anotherDevice("Laptop").submit(transfer, id, "recipient", recipient)).toMatchObject({
    status: "accepted",
  });
});

test("a busy server refuses all commands of one push", async () => {
  const page = open();
  page.server.busy({ retryAfterMs: 5 });
  const refused = { status: "refused", refusal: { code: "busy", retryAfterMs: 5 } };
  const begin = start(session, "transfer");
  expect((await page.push(begin, cancel(session))).outcomes).toEqual([refused, refused]);
  expect(await page.one(begin)).toMatchObject({ status: "accepted" });
});

test("a page of an older protocol is outdated, and its stream says so", async () => {
  const page = open();
  const { events } = page.watch();
  await vi.waitFor(() => expect(events).toHaveLength(1));
  page.server.outdated();
  await vi.waitFor(() => expect(events[1]).toMatchObject({ protocol: events[0]!.protocol + 1, snapshots: [] }));
  expect(await page.one(start(session, "transfer"))).toMatchObject({ refusal: { code: "outdated" } });
});

test("offline no request gets an answer, streams break, and nothing is changed", async () => {
  const page = open();
  const stream = page.watch();
  await vi.waitFor(() => expect(stream.events).toHaveLength(1));
  page.server.goOffline();
  await expect(page.one(start(session, "transfer"))).rejects.toThrow("fetch");
  await vi.waitFor(() => expect(page.server.streams).toBe(0));
  page.server.goOnline();
  expect(await page.read(session)).toBeNull();
  expect(await page.one(start(session, "transfer"))).toMatchObject({ status: "accepted" });
});

test("requests that are held are answered once they are released", async () => {
  const page = open();
  const release = page.server.hold();
  const answers: unknown[] = [];
  const asking = page.one(start(session, "transfer")).then((outcome) => answers.push(outcome));
  await page.server.seed(transfer);
  expect(page.server.pushes).toEqual([]);
  release();
  await asking;
  expect(answers).toMatchObject([{ status: "accepted" }]);
});

test("after a sign-out nobody is answered and the stream ends; another owner has other sessions", async () => {
  const page = open();
  const { id } = await page.server.seed(transfer);
  const stream = page.watch();
  await vi.waitFor(() => expect(stream.events).toHaveLength(1));
  page.server.signOut();
  await vi.waitFor(() => expect(page.server.streams).toBe(0));
  await expect(page.read(id)).rejects.toThrow("Sign in first.");
  page.server.signIn({ owner: "grace" });
  expect(await page.read(id)).toBeNull();
  page.server.signIn({ owner: "ada" });
  expect(await page.read(id)).toMatchObject({ id });
});

test("a step asks again for a proof that is older than it allows, by the server's clock", async () => {
  const order = defineFlow({
    name: "order",
    version: 1,
    steps: { place: step({ input: z.object({}), confirm: true, fresh: "5m", level: "aal2" }) },
  });
  const page = openPage({ flows: [order], owner: "ada" });
  const [{ id }, other] = [await page.server.seed(order), await page.server.seed(order)];
  const place = submit(id, "place", {});
  page.server.clock.advance("6m");
  expect(await page.one(place)).toMatchObject({ refusal: { code: "sign_in_again", freshMs: 300_000 } });
  page.server.signIn({ level: "aal1" });
  expect(await page.one(place)).toMatchObject({ refusal: { code: "sign_in_again", level: "aal2" } });
  page.server.signIn({ provedAt: page.server.clock.now() - 240_000 });
  expect(await page.one(place)).toMatchObject({ status: "accepted" });
  page.server.signIn({ guest: { session: id } });
  expect(await page.read(id)).toMatchObject({ status: "completed" });
  expect(await page.read(other.id)).toBeNull();
});

test("a session expires by the clock, or at once, and only its deadline ends it", async () => {
  const page = open();
  const [one, other] = [await page.server.seed(transfer), await page.server.seed(transfer)];
  page.server.expire(one.id);
  expect(await page.read(one.id)).toMatchObject({ status: "expired" });
  page.server.clock.advance("71h");
  expect(await page.read(other.id)).toMatchObject({ status: "active" });
  page.server.clock.advance("1h");
  expect(page.server.snapshot(other.id)).toMatchObject({ status: "expired" });
  expect(() => page.server.clock.advance("soon" as "1h")).toThrow("configuration_invalid");
});

test("another device submits, types and cancels, and the page's old submission conflicts", async () => {
  const page = open();
  const { id } = await page.server.seed(transfer);
  const laptop = page.server.anotherDevice("Laptop");
  await laptop.submit(transfer, id, "recipient", recipient);
  expect(await page.one(submit(id, "recipient", { ...recipient, name: "Ada" }))).toMatchObject({
    refusal: { code: "conflict", changed: ["recipient"], theirs: recipient },
  });
  await laptop.draft(transfer, id, "amount", { cents: "12," });
  await laptop.draft(transfer, id, "amount", { cents: "12,5" });
  expect(await page.read(id)).toMatchObject({
    device: { name: "Laptop" },
    drafts: { amount: { cents: { value: "12,5" } } },
  });
  await laptop.cancel(transfer, id);
  expect(await page.read(id)).toMatchObject({ status: "cancelled" });
  expect(() => laptop.submit(transfer, idOf(9), "recipient", recipient)).toThrow("configuration_invalid");
});

test("a seed stands at its step, with its data, outputs and drafts", async () => {
  const page = open();
  const data = { recipient, amount };
  const drafts = { review: { accepted: true } };
  expect(await page.server.seed(transfer, { at: "review", data, drafts })).toMatchObject({
    status: "active",
    data,
    outputs: { amount: { feeCents: 25 } },
    drafts: { review: { accepted: { value: true } } },
  });
  const complete = await page.server.seed(transfer, { data: { ...data, review: { accepted: true } } });
  expect(complete).toMatchObject({ status: "completed", result: { reference: "R" } });
});

test("a seed that cannot be says why, without its values", async () => {
  const { server } = open();
  const lacking = server.seed(transfer, { at: "review", data: { recipient } });
  await expect(lacking).rejects.toThrow("The seed stands at review and needs `data` of step amount.");
  const wrong = server.seed(transfer, { data: { recipient: { ...recipient, name: "" } } });
  await expect(wrong).rejects.toThrow("The seed's step recipient is refused: invalid_input (name).");
  const past = server.seed(transfer, {
    at: "none" as "review",
    data: { recipient, amount, review: { accepted: true } },
  });
  await expect(past).rejects.toThrow("Step none is not on the path of the seed.");
});

test("a seed of nobody says whose it could be", async () => {
  const { server } = openPage({ flows });
  await expect(server.seed(transfer)).rejects.toThrow(
    "does not know whose session this is. Give createTestServer the `owner`",
  );
  expect(() => server.anotherDevice("Laptop")).toThrow("configuration_invalid");
});

test("a handler that throws is reported, and its command fails", async () => {
  const faults: string[] = [];
  const broken = serve(transfer, {
    steps: {
      amount: () => {
        throw new Error("broken");
      },
    },
    complete: () => ({ reference: "R" }),
  });
  const page = openPage({ flows: [broken], owner: "ada", onError: ({ code }) => faults.push(code) });
  const { id } = await page.server.seed(transfer, { data: { recipient } });
  expect(await page.one(submit(id, "amount", amount))).toEqual({ status: "refused", refusal: { code: "failed" } });
  expect(faults).toEqual(["handler_failed"]);
});
