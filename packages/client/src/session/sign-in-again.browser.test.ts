import { defineFlow, step, type Refusal } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { openTab, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { transfer } from "../testing/transfer.ts";
import { nearlyDone } from "../testing/transfer-before-review.ts";

const signInAgain = (name: string): Refusal => ({ code: "sign_in_again", step: name, freshMs: 300_000 });

test("a confirmation that asks for a fresh proof leaves its session at the step, and the same press goes through after it", async () => {
  const { server, owner, session } = await nearlyDone();
  await session.draft("review", { accepted: true }).settled;
  server.faults.refuse = ({ kind }) => (kind === "submit" ? signInAgain("review") : undefined);
  const before = session.state;
  expect(await session.submit("review", { accepted: true })).toEqual({
    status: "refused",
    refusal: { code: "sign_in_again", step: "review", freshMs: 300_000 },
  });
  expect(session.state).toEqual(before);
  // Also on the page to which the person comes back after the proof.
  const reloaded = openTab(server, { owner }).open(transfer, session.id);
  await vi.waitFor(() => expect(reloaded.state.revision).toBe(before.revision));
  expect(reloaded.state).toMatchObject({
    status: "active",
    progress: { current: "review" },
    drafts: { review: { accepted: true } },
    confirming: null,
    shelved: [],
    sync: { pending: 0 },
  });

  server.faults.refuse = () => undefined;
  expect(await reloaded.submit("review", { accepted: true })).toMatchObject({ status: "accepted" });
  await vi.waitFor(() => expect(session.state.status).toBe("completed"));
});

test("S11: a sensitive step that asks for a fresh proof keeps nothing of its input, and takes it after the proof", async () => {
  const payment = defineFlow({
    name: "payment",
    version: 1,
    steps: { card: step({ input: z.object({ number: z.string() }), sensitive: true, fresh: "5m" }) },
  });
  const server = new ScriptedServer([payment]);
  const session = openTab(server, { owner: someone(), flows: [payment] }).start(payment);
  await vi.waitFor(() => expect(session.state.sync).toMatchObject({ state: "saved", pending: 0 }));
  server.faults.refuse = ({ kind }) => (kind === "submit" ? signInAgain("card") : undefined);
  expect(await session.submit("card", { number: "4111" })).toMatchObject({ refusal: { code: "sign_in_again" } });
  expect(JSON.stringify(session.state)).not.toContain("4111");
  expect(session.state).toMatchObject({ progress: { current: "card" }, shelved: [], sync: { pending: 0 } });
  server.faults.refuse = () => undefined;
  expect(await session.submit("card", { number: "4111" })).toMatchObject({ status: "accepted" });
});

test("a confirmation after the end of the sign-in is refused at once: it is known that it did not happen", async () => {
  const { server, owner, session, pushed } = await nearlyDone();
  // The page has not heard of the end yet.
  server.faults.signedIn = null;
  expect(await session.submit("review", { accepted: true })).toEqual({
    status: "refused",
    refusal: { code: "offline" },
  });
  expect(session.state).toMatchObject({
    status: "active",
    confirming: null,
    sync: { state: "signed_out", pending: 0 },
  });
  server.faults.signedIn = owner;
  expect(await session.submit("review", { accepted: true })).toMatchObject({ status: "accepted" });
  expect(pushed()).toHaveLength(1);
});
