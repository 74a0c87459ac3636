import { expect, test, vi } from "vitest";
import { draft, typedBy } from "../../../core/src/testing/commands.ts";
import { beginTransfer, reachServer } from "../testing/begun-transfer.ts";
import { elsewhere, openTab } from "../testing/devices.ts";
import { recipient, transfer } from "../testing/transfer.ts";

test("S3: a refused input goes back into its form, but not over what another device typed there meanwhile", async () => {
  const { server, session } = beginTransfer();
  await reachServer(session);
  server.faults.refuse = ({ kind }) =>
    kind === "submit" ? { code: "rejected", step: "recipient", reason: "No." } : undefined;
  server.faults.away = true;
  await session.submit("recipient", recipient).stored;
  const device = elsewhere();
  const fields = typedBy(device, { name: "Grace" }, Date.now());
  server.take(device, draft(session.id, "recipient", fields));
  server.faults.away = false;
  const { iban } = recipient;
  await vi.waitFor(() =>
    expect(server.snapshot(session.id).drafts["recipient"]).toMatchObject({ iban: { value: iban } }),
  );
  expect(session.state.drafts.recipient).toEqual({ name: "Grace", iban });
  expect(session.state.shelved).toMatchObject([{ kind: "submit", mine: recipient }]);
});

test("S1: what was refused is in its form again, and saved at once, in a tab that does not push too", async () => {
  const { server, owner, session: first } = beginTransfer();
  await first.submit("recipient", recipient);
  const follower = openTab(server, { owner });
  await follower.ready;
  const beside = follower.open(transfer, first.id);
  for (const session of [first, beside]) {
    server.faults.refuse = ({ kind }) => (kind === "submit" ? { code: "failed" } : undefined);
    // The server has what was typed before it was submitted.
    await session.draft("amount", { cents: 7, reference: "x" }).settled;
    const [sent, input] = [server.pushes.length, { cents: 7, reference: "x" }];
    expect(await session.submit("amount", input)).toMatchObject({ status: "refused" });
    expect(session.state).toMatchObject({ drafts: { amount: input }, sync: { pending: 0 } });
    expect(server.pushes).toHaveLength(sent + 1);

    // Of this it has nothing.
    await session.submit("amount", { cents: 8 });
    await vi.waitFor(() =>
      expect(session.state).toMatchObject({ drafts: { amount: { cents: 8 } }, sync: { pending: 0 } }),
    );
    expect(server.snapshot(session.id).drafts["amount"]).toMatchObject({ cents: { value: 8 } });
    server.faults.refuse = () => undefined;
    await session.submit("amount", { cents: 9 });
    await vi.waitFor(() => expect(beside.state.drafts.amount).toBeUndefined());
  }
});

/** An empty field, as forms say it. */
const nothing = undefined as never;

test("S4: what stood in a step and is not submitted again is empty in its form, when that is refused here too", async () => {
  const { session } = beginTransfer();
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: 5, reference: "Rent" });
  expect(await session.submit("amount", { cents: -1 })).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(session.state.drafts.amount).toStrictEqual({ cents: -1, reference: nothing });
});

test("S4: a field that is typed, and not submitted with the others, is empty in its form when that is refused, here or there", async () => {
  const { server, owner, session } = beginTransfer();
  const other = openTab(server, { owner, profile: "laptop" }).open(transfer, session.id);
  await session.submit("recipient", recipient);
  const type = (reference: string) => session.draft("amount", { cents: 5, reference }).settled;
  const empty = (cents: number) => ({ cents, reference: nothing });
  await type("old");
  server.faults.refuse = ({ kind }) => (kind === "submit" ? { code: "failed" } : undefined);
  await session.submit("amount", { cents: 6 });
  expect(session.state.drafts.amount).toStrictEqual(empty(6));
  await vi.waitFor(() => expect(other.state.drafts.amount).toStrictEqual(empty(6)));

  await type("older");
  await session.submit("amount", { cents: -1 });
  expect(session.state.drafts.amount).toStrictEqual(empty(-1));
  await vi.waitFor(() => expect(other.state.drafts.amount).toStrictEqual(empty(-1)));

  // What is typed while the answer is awaited, here or on another device, is newer.
  for (const device of [session, other]) {
    await type("oldest");
    await vi.waitFor(() => expect(other.state.drafts.amount).toMatchObject({ reference: "oldest" }));
    server.faults.beforePush = async () => {
      server.faults.beforePush = () => Promise.resolve();
      await device.draft("amount", { reference: "new" })[device === other ? "settled" : "stored"];
    };
    await session.submit("amount", { cents: 7 });
    expect(session.state.drafts.amount).toStrictEqual({ cents: 7, reference: "new" });
  }
});
