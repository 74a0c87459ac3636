import { expect, test, vi } from "vitest";
import { beginTransfer } from "../testing/begun-transfer.ts";
import { openTab } from "../testing/devices.ts";
import { recipient, transfer } from "../testing/transfer.ts";

test("S4: what is typed is kept as it was at that moment, whatever becomes of the application's object", async () => {
  const { owner, server, sessions, session } = beginTransfer();
  const cents = ["1"];
  await session.draft("amount", { cents }).stored;
  cents.push("2");
  // What frameworks wrap their state in cannot be stored as it is.
  await session.draft("amount", { cents: new Proxy(cents, {}) }).stored;
  expect(session.state.sync.storage).toBe("disk");
  sessions.close();
  const again = openTab(server, { owner });
  await again.ready;
  expect(again.open(transfer, session.id).state.drafts.amount).toEqual({ cents: ["1", "2"] });
});

test("S4: a field that cannot be kept takes none of the others along, and is refused", async () => {
  const { session } = beginTransfer();
  const draft = session.draft("amount", { cents: Number.NaN, reference: "rent" });
  const issues = [{ path: ["cents"], message: "Not a JSON value." }];
  const refusal = { code: "invalid_input", step: "amount", issues };
  expect(await draft.settled).toEqual({ status: "refused", refusal });
  const two = session.draft("amount", { cents: [1, Number.NaN], reference: "\0" });
  expect(await two.refused).toMatchObject({ issues: [{ path: ["cents", 1] }, { path: ["reference"] }] });
  expect(session.state.drafts.amount).toEqual({ reference: "rent" });
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: Number.NaN, reference: "June" });
  expect(session.state.drafts.amount).toEqual({ reference: "June" });
  // The schema would drop the last field.
  const input = { name: "", iban: "BE1", hidden: 1 };
  expect(await session.submit("recipient", input)).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(session.state.drafts.recipient).toEqual({ name: "", iban: "BE1" });
});

/** An empty field, as forms say it. */
const nothing = undefined as never;

test("S4: a field that is emptied is empty here, on the other device, after a reload, a refusal and a submission", async () => {
  const { server, owner, sessions, session } = beginTransfer();
  const other = openTab(server, { owner, profile: "laptop" }).open(transfer, session.id);
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: 5, reference: "Rent" });
  // `null` is a value, `undefined` is none; both win over what was submitted.
  const emptied = { cents: null, reference: nothing };
  await session.draft("amount", emptied).settled;
  expect(Object.entries(session.state.drafts.amount!)).toEqual(Object.entries(emptied));
  await vi.waitFor(() => expect(other.state.drafts.amount).toStrictEqual(emptied));
  const sent = server.pushes.length;
  expect(await session.draft("amount", { reference: nothing }).settled).toMatchObject({ status: "accepted" });
  expect(server.pushes).toHaveLength(sent);
  sessions.close();
  const again = openTab(server, { owner });
  await again.ready;
  const reloaded = again.open(transfer, session.id);
  expect(reloaded.state.drafts.amount).toStrictEqual(emptied);

  // Emptied as it is submitted, and not before.
  await reloaded.draft("amount", { cents: 6, reference: "x" }).settled;
  await reloaded.submit("amount", { cents: -1, reference: nothing });
  expect(reloaded.state.drafts.amount).toStrictEqual({ cents: -1, reference: nothing });
  server.faults.refuse = ({ kind }) => (kind === "submit" ? { code: "failed" } : undefined);
  await reloaded.submit("amount", { cents: 7 });
  expect(reloaded.state.drafts.amount).toStrictEqual({ cents: 7, reference: nothing });
  server.faults.refuse = () => undefined;
  expect(await reloaded.submit("amount", { cents: 8 })).toMatchObject({ status: "accepted" });
  await vi.waitFor(() => expect(other.state.data.amount).toEqual({ cents: 8 }));
  expect([reloaded.state.drafts.amount, other.state.drafts.amount]).toEqual([undefined, undefined]);
});
