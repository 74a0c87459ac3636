import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import type { Command, Snapshot } from "@sessions/core/internal";
import { cancel, draft, start, submit, TestClient } from "../testing/bank.ts";
import { accepted, twoNodes } from "../testing/two-nodes.ts";

const { node, otherNode } = await twoNodes();

test("S1: what one device saved is what another reads next, through another node", async () => {
  const phone = new TestClient(node, "ada", "Phone");
  const laptop = new TestClient(otherNode, "ada", "Laptop");
  const session = uuidv7();
  await phone.push(start(session), submit(session, "recipient", { name: "Grace", iban: "BE71096123456769" }));
  await phone.push(draft(session, "amount", "cents", "12,"));

  const seen = await laptop.read(session);
  expect(seen).toMatchObject({
    revision: 3,
    status: "active",
    data: { recipient: { name: "Grace" } },
    drafts: { amount: { cents: { value: "12," } } },
    device: { name: "Phone" },
  });

  await laptop.push(submit(session, "amount", { cents: 12_300 }));
  expect(await phone.read(session)).toMatchObject({
    revision: 4,
    data: { amount: { cents: 12_300 } },
    outputs: { amount: { feeCents: 25 } },
    drafts: {},
    device: { name: "Laptop" },
  });
});

test("a step handler refuses with a reason, and its failure is told without what was typed", async () => {
  const ada = new TestClient(node, "ada");
  const session = uuidv7();
  const recipient = submit(session, "recipient", { name: "Grace", iban: "BE71096123456769" });
  await ada.push(start(session), recipient);
  const rejected = await ada.one(submit(session, "amount", { cents: 5_000_001 }));
  expect(rejected).toEqual({
    status: "refused",
    refusal: { code: "rejected", step: "amount", reason: "Above the daily ceiling." },
  });
  const failed = await ada.one(submit(session, "amount", { cents: 66_600 }));
  expect(failed).toEqual({ status: "refused", refusal: { code: "failed" } });
  expect(await ada.read(session)).toMatchObject({ revision: 2, outputs: {} });
});

test("S9: another owner's session answers in every procedure as one that does not exist", async () => {
  const ada = new TestClient(node, "ada");
  const eve = new TestClient(node, "eve");
  const open = await ada.untilReview();
  const done = await ada.untilReview();
  await ada.one(done.review);
  const before = await ada.read(open.session);

  for (const { session, review } of [open, done]) {
    const nowhere = uuidv7();
    const asks = (id: string): Command[] => [
      { ...review, session: id },
      submit(id, "amount", { cents: 5 }),
      draft(id, "amount", "cents", 5),
      cancel(id),
    ];
    const [theirs, none] = await Promise.all([eve.push(...asks(session)), eve.push(...asks(nowhere))]);
    expect(theirs.outcomes).toEqual(none.outcomes);
    expect(theirs.snapshots).toEqual([]);
    expect(await eve.read(session)).toEqual(await eve.read(nowhere));
    const receipts = await Promise.all(
      [session, nowhere].map((id) => eve.caller.receipt({ session: id, command: review.id })),
    );
    expect(receipts[0]!.outcome).toEqual(receipts[1]!.outcome);
    const watch = await eve.caller.watch({ protocol: 1, known: { [session]: 0 } });
    for await (const event of watch as AsyncIterable<{ snapshots: Snapshot[] }>) {
      expect(event.snapshots).toEqual([]);
      break;
    }
  }
  expect(await eve.list()).toMatchObject({ active: [], ended: [] });

  // The id is free to Eve: what she starts under it is hers alone.
  expect(await eve.one(start(open.session, "notes"))).toEqual(accepted(1));
  expect(await ada.read(open.session)).toEqual(before);
});

test("S9: a request that names another owner than the one who is signed in is refused, in every procedure", async () => {
  const { caller, device } = new TestClient(node, "grace");
  const session = uuidv7();
  const asked = { owner: "ada", session };
  const requests = [
    caller.push({ owner: "ada", protocol: 1, device, commands: [start(session, "notes")] }),
    caller.read(asked),
    caller.list({ owner: "ada", flow: null, limit: 10, after: null }),
    caller.receipt({ ...asked, command: uuidv7() }),
    caller.watch({ owner: "ada", protocol: 1, known: {} }),
  ];
  for (const request of requests) await expect(request).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  expect(await new TestClient(node, "grace").read(session)).toBeNull();
  expect((await caller.read({ owner: "grace", session })).session).toBeNull();
});

test("nobody signed in is told to sign in", async () => {
  const nobody = new TestClient(node, undefined);
  await expect(nobody.list()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
});
