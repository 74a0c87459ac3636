import { afterEach, expect, test } from "vitest";
import { quick } from "../../testing/devices.ts";
import { stubSignIns } from "../../testing/scripted-sign-ins.ts";
import { assembleSignInClient } from "../sign-in-client.ts";
import type { SignInClient } from "../index.ts";

const server = stubSignIns();
const opened: SignInClient[] = [];
afterEach(() => {
  for (const client of opened.splice(0)) client.close();
});

/** How long a page waits for an answer, in milliseconds. */
const ANSWER_MS = 10_000;

/** A browser's page. It waits at most 20 milliseconds where another waits for seconds, but for answers as long as another. */
function page() {
  const after = (ms: number, run: () => void) => quick.after(ms < ANSWER_MS ? Math.min(ms, 20) : ms, run);
  const client = assembleSignInClient({ url: server().url }, { ...quick, after });
  opened.push(client);
  return client.handOff;
}

/** A session with changes that the server lacks, until `save` is called. */
function session(pending = 0) {
  const listeners = new Set<() => void>();
  const state = { flow: "transfer", progress: { current: "amount" }, sync: { pending } };
  return {
    id: "s",
    state,
    subscribe(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    save() {
      state.sync.pending = 0;
      for (const listener of listeners) listener();
    },
    listeners,
  };
}

/** A computer asks. Gives the request as the server has it. */
function asked() {
  server().handOffs.answer("ask", {}, null);
  return server().handOffs.requests.at(-1)!;
}

test("S1: letters are shown once the server has all that was typed, and say so if it has not", async () => {
  server().signInAs("ada");
  const [phone, typed] = [page(), session(1)];
  const offering = phone.offer(typed);
  expect(server().requests).not.toContain("offer");
  typed.save();
  expect(await offering).toMatchObject({ status: "offered", letters: "CDFGHJKM", saved: true });
  expect(typed.listeners.size).toBe(0);

  const unsent = session(2);
  expect(await phone.offer(unsent)).toMatchObject({ status: "offered", saved: false });
  expect(unsent.listeners.size).toBe(0);
  const { code } = asked();
  expect(await phone.approve(code, 42, session(1))).toEqual({ status: "approved", saved: false });
});

test("S21: letters lead the same person to the place, and another person nowhere", async () => {
  server().signInAs("ada");
  const { letters } = (await page().offer(session())) as { readonly letters: string };
  expect(await page().find(letters)).toEqual({ status: "found", session: "s", flow: "transfer", step: "amount" });
  expect(await page().find("WRONGXXX")).toEqual({ status: "none" });
  server().signInAs("eve");
  expect(await page().find(letters)).toEqual({ status: "none" });
});

test("S21: a phone sees what asks; a wrong number, and a refusal, end the request", async () => {
  server().signInAs("ada");
  const phone = page();
  const first = asked();
  expect(await phone.look(first.code)).toMatchObject({ status: "asked", device: "Firefox", numbers: [10, 42, 99] });
  expect(await phone.approve(first.code, 10, session())).toEqual({ status: "wrong_number" });
  expect(await phone.approve(first.code, 42, session())).toEqual({ status: "gone" });
  const second = asked();
  expect(await phone.decline(second.code)).toBe(true);
  expect([await phone.decline(second.code), await phone.look(second.code)]).toEqual([false, { status: "gone" }]);
  expect(first.status).toBe("gone");
});

test("a phone on which nobody is signed in is told so, and one without a network gets a fault", async () => {
  const phone = page();
  const { code } = asked();
  const signedOut = { status: "signed_out" };
  const answers = [
    phone.offer(session()),
    phone.find("CDFGHJKM"),
    phone.look(code),
    phone.approve(code, 42, session()),
  ];
  expect(await Promise.all(answers)).toEqual([signedOut, signedOut, signedOut, signedOut]);
  expect(await phone.decline(code)).toBe(false);
  server().signInAs("ada");
  const other = page();
  await other.look(code);
  server().faults.away = true;
  await expect(other.look(code)).rejects.toMatchObject({ code: "server_unreachable" });
});
