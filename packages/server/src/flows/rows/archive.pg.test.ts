import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import type { Command } from "@sessions/core/internal";
import { cancel, createBank, draft, notes, start, submit, TestClient } from "../../testing/bank.ts";
import { accepted, twoNodes } from "../../testing/two-nodes.ts";

const { pool, node, otherNode } = await twoNodes();

const text = (value: string) => ({ text: value });

test("S6: an ended session takes nothing more and stays readable", async () => {
  const ada = new TestClient(node, "ada");
  const { session, review } = await ada.untilReview();
  await ada.one(review);
  const ended = await ada.read(session);
  expect(ended).toMatchObject({ status: "completed", result: { reference: `R-${session}` }, drafts: {} });

  const late: Command[] = [
    submit(session, "amount", { cents: 1 }),
    draft(session, "amount", "cents", 1),
    cancel(session),
  ];
  for (const command of late) {
    expect(await ada.one(command)).toEqual({ status: "refused", refusal: { code: "ended", status: "completed" } });
  }
  expect(await ada.one(start(session))).toEqual({ status: "refused", refusal: { code: "command_mismatch" } });
  expect(await ada.read(session)).toEqual(ended);
});

test("S6: what a session holds comes back in the order in which it was given, also from the archive", async () => {
  const ada = new TestClient(node, "ordered");
  const session = uuidv7();
  const typed = { zebra: 1, "a long name": { z: [{ y: 1, x: 2 }], a: null, long: "b" }, ox: 2, b: 4 };
  const left = submit(session, "left", text("one"));
  const middle = submit(session, "middle", text("two"), { left: left.id });
  await ada.push(start(session, "notes"), left, middle, submit(session, "right", typed));
  const active = await ada.read(session);
  expect(JSON.stringify(active!.data["right"])).toBe(JSON.stringify(typed));
  await ada.one(submit(session, "end", {}));
  const ended = await new TestClient(otherNode, "ordered").read(session);
  expect(ended!.status).toBe("completed");
  expect(JSON.stringify(ended!.data["right"])).toBe(JSON.stringify(typed));
  expect(Object.keys(ended!)).toEqual(Object.keys(active!));
});

test("S6: a cancelled session moves to the archive", async () => {
  const ada = new TestClient(node, "quitter");
  const { session } = await ada.untilReview();
  expect(await ada.one(cancel(session))).toEqual(accepted(4));
  const { active, ended } = await ada.list();
  expect(active).toEqual([]);
  expect(ended).toMatchObject([{ id: session, status: "cancelled", data: { amount: { cents: 12_300 } } }]);
});

test("S7: a deadline holds at the millisecond it names, before any sweep", async () => {
  let nowMs = Date.UTC(2026, 4, 30, 12);
  const clock = createBank(pool, { now: () => nowMs });
  const ada = new TestClient(clock, "late");
  const session = uuidv7();
  await ada.one(start(session, "notes"));
  nowMs += 72 * 3_600_000 - 1;
  expect(await ada.read(session)).toMatchObject({ status: "active" });
  nowMs += 1;
  const endedAt = new Date(nowMs).toISOString();
  const expired = await ada.read(session);
  expect(expired).toMatchObject({ status: "expired", revision: 2, endedAt });
  expect(await ada.one(submit(session, "left", text("too late")))).toEqual({
    status: "refused",
    refusal: { code: "expired", at: endedAt },
  });
  expect((await ada.list()).active).toEqual([]);
  expect((await ada.list()).ended).toEqual([expired]);
  expect(await ada.read(session)).toEqual(expired);
});

test("ended sessions are listed newest first, a page at a time, each once", async () => {
  const ada = new TestClient(node, "archivist");
  const ids: string[] = [];
  for (let index = 0; index < 7; index += 1) {
    const session = uuidv7();
    await ada.push(start(session, notes.name), cancel(session));
    ids.unshift(session);
  }
  const found: string[] = [];
  let after = null;
  do {
    const page: Awaited<ReturnType<typeof ada.caller.list>> = await ada.caller.list({ flow: "notes", limit: 3, after });
    found.push(...page.ended.map(({ id }) => id));
    after = page.next;
  } while (after !== null);
  expect(found).toEqual(ids);
});
