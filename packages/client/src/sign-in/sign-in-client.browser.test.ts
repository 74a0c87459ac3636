import { afterEach, expect, test, vi } from "vitest";
import { openTab, quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { stubSignIns } from "../testing/scripted-sign-ins.ts";
import { recipient, transfer } from "../testing/transfer.ts";
import { assembleSignInClient, type SignInClient } from "./sign-in-client.ts";
import { unsentSessions } from "./unsent.ts";

const server = stubSignIns();
const opened: SignInClient[] = [];
afterEach(() => {
  for (const client of opened.splice(0)) client.close();
});

/** A page of the browser. It asks again soon. */
function page(): SignInClient {
  const client = assembleSignInClient(
    { url: server().url },
    { ...quick, after: (ms, run) => quick.after(ms === 3_000 ? 20 : ms, run) },
  );
  opened.push(client);
  return client;
}

const ended = (count: number) => ({ status: "ended", count });

const stateOf = (client: SignInClient, status: string) =>
  vi.waitFor(() => expect(client.state).toMatchObject({ status }));

test("a page says who is signed in, and its other pages learn of a change by themselves", async () => {
  const [one, other] = [page(), page()];
  expect(one.state).toBe(one.initialState);
  await stateOf(one, "signed_out");
  server().signInAs("ada");
  expect(await one.refresh()).toMatchObject({ status: "signed_in", owner: "ada", signIn: { current: true } });
  await vi.waitFor(() => expect(other.state).toEqual(one.state));
  const { state } = other;
  await other.refresh();
  expect(other.state).toBe(state);
});

test("a server that does not answer is unreachable at first, and later the last answer stays", async () => {
  server().faults.away = true;
  const client = page();
  await stateOf(client, "unreachable");
  server().signInAs("ada");
  server().faults.away = false;
  await stateOf(client, "signed_in");
  server().faults.away = true;
  expect(await client.refresh()).toMatchObject({ status: "signed_in", owner: "ada" });
  await expect(client.revokeOthers()).rejects.toMatchObject({ code: "server_unreachable" });
});

test("a sign-in that was ended elsewhere is said with its reason, as soon as a list of sessions says so", async () => {
  const id = server().signInAs("ada");
  const client = page();
  await stateOf(client, "signed_in");
  const listeners = new Set<() => void>();
  const list = {
    state: { signedOut: false },
    subscribe: (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const stop = client.follow(list);
  server().end(id);
  list.state = { signedOut: true };
  for (const listener of listeners) listener();
  await vi.waitFor(() =>
    expect(client.state).toEqual({
      status: "signed_out",
      ended: { reason: "revoked", at: "2026-03-01T12:00:00.000Z" },
    }),
  );
  stop();
  expect(listeners.size).toBe(0);
});

test("the places are listed by the page, one is ended by its id, and all others at once", async () => {
  const ids = ["old", "phone"].map(() => server().signInAs("ada", false));
  const eve = server().signInAs("eve", false);
  const here = server().signInAs("ada");
  const client = page();
  await stateOf(client, "signed_in");
  const first = await client.list();
  expect(first.signIns.map(({ id, current }) => [id, current])).toEqual([
    [here, true],
    [ids[1], false],
  ]);
  const second = await client.list(first.next!);
  expect([second.signIns.map(({ id }) => id), second.next]).toEqual([[ids[0]], null]);

  expect(await client.revoke(ids[0]!)).toEqual(ended(1));
  expect(await client.revoke(ids[0]!)).toEqual(ended(0));
  expect(await client.revoke(eve)).toEqual(ended(0));
  expect(await client.revokeOthers()).toEqual(ended(1));
  expect(server().live.map(({ id }) => id)).toEqual([here, eve]);
  expect(await client.revoke(here)).toEqual(ended(1));
  await stateOf(client, "signed_out");
  expect(await client.list()).toEqual({ signIns: [], next: null });
});

test("a server that asks for a newer proof ends nothing, and the same call ends it after the proof", async () => {
  const other = server().signInAs("ada", false);
  server().signInAs("ada");
  const client = page();
  await stateOf(client, "signed_in");
  server().faults.asksForProof = true;
  expect(await client.revoke(other)).toEqual({ status: "sign_in_again" });
  expect(await client.revokeOthers()).toEqual({ status: "sign_in_again" });
  expect([server().live.length, client.state.status]).toEqual([2, "signed_in"]);
  server().faults.asksForProof = false;
  expect(await client.revoke(other)).toEqual(ended(1));
});

test("a page whose person signed in anew in another page sends its change with the new value", async () => {
  server().signInAs("ada");
  const client = page();
  await stateOf(client, "signed_in");
  server().signInAs("ada");
  expect(await client.revokeOthers()).toEqual(ended(1));
});

test("S9: a page of one person changes nothing of another who has signed in meanwhile in this browser", async () => {
  server().signInAs("ada");
  const client = page();
  await stateOf(client, "signed_in");
  server().signInAs("eve", false);
  const eve = server().signInAs("eve");
  expect(await client.revokeOthers()).toEqual({ status: "signed_out" });
  expect(server().live).toHaveLength(3);
  expect(client.state).toMatchObject({ owner: "eve", signIn: { id: eve } });
});

test("a request with a cookie that was just replaced is sent again, and signs nobody out", async () => {
  server().signInAs("ada");
  const client = page();
  await stateOf(client, "signed_in");
  server().faults.superseded = 2;
  expect(await client.revokeOthers()).toEqual(ended(0));
  expect(server().requests.filter((name) => name === "revokeOthers")).toHaveLength(3);
  expect(client.state.status).toBe("signed_in");
});

/** The browser keeps sessions of these owners alone. Other tests leave theirs. */
function keepsSessionsOf(...owners: readonly string[]): void {
  const all = indexedDB.databases.bind(indexedDB);
  vi.spyOn(indexedDB, "databases").mockImplementation(async () =>
    (await all()).filter(({ name = "" }) => owners.some((owner) => name.startsWith(`sessions:${owner}:`))),
  );
}
afterEach(() => void vi.restoreAllMocks());

/** A page with a session of this owner, of which a draft is not sent. */
async function withUnsentDraft() {
  const owner = someone();
  const flows = new ScriptedServer([transfer]);
  const sessions = openTab(flows, { owner });
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient);
  flows.faults.away = true;
  flows.breakStreams();
  await session.draft("amount", { cents: "12," }).stored;
  server().signInAs(owner);
  const client = page();
  await stateOf(client, "signed_in");
  return { owner, flows, sessions, session, client };
}

test("S4: a sign-out names what was not sent before anything is wiped, and wipes it only then", async () => {
  const { sessions, session, client, owner, flows } = await withUnsentDraft();
  keepsSessionsOf(owner);
  const unsent = [{ flow: "transfer", id: session.id, steps: ["amount"] }];
  expect(await client.signOut({ sessions })).toEqual({ status: "unsent", unsent });
  expect(server().requests).not.toContain("signOut");
  expect(client.state.status).toBe("signed_in");

  expect(await client.signOut({ sessions, discardUnsent: true })).toEqual({ status: "signed_out" });
  expect(server().requests).toContain("signOut 0");
  expect([client.state.status, server().live]).toEqual(["signed_out", []]);
  const again = openTab(flows, { owner });
  await again.ready;
  expect(await unsentSessions(again)).toEqual([]);
});

test("S4: a sign-out names what was not sent in each profile that it wipes, open or not, and of no other owner", async () => {
  const { sessions, session, client, owner, flows } = await withUnsentDraft();
  const other = openTab(flows, { owner, profile: "work: 2" });
  const typed = other.start(transfer);
  await typed.submit("recipient", recipient).stored;
  other.close();
  const eves = openTab(flows, { owner: `${owner}:2` });
  await eves.start(transfer).draft("amount", { cents: "1" }).stored;
  const unsent = [
    { flow: "transfer", id: session.id, steps: ["amount"] },
    { flow: "transfer", id: typed.id, steps: ["recipient"] },
  ];
  const found = await client.signOut({ sessions });
  expect(found.status === "unsent" && found.unsent).toEqual(unsent);
  expect(server().requests).not.toContain("signOut");

  // The change of the other profile is still on the disk.
  const again = openTab(flows, { owner, profile: "work: 2" });
  await again.ready;
  expect((await unsentSessions(again)).map(({ id }) => id).toSorted()).toEqual([session.id, typed.id].toSorted());
  expect(await client.signOut({ sessions, discardUnsent: true })).toEqual({ status: "signed_out" });
  const anew = openTab(flows, { owner, profile: "work: 2" });
  expect(await unsentSessions(anew)).toEqual([]);
});

test("S4: a sign-out that the server does not answer wipes nothing", async () => {
  const { sessions, session, client } = await withUnsentDraft();
  server().faults.away = true;
  await expect(client.signOut({ sessions, discardUnsent: true })).rejects.toMatchObject({ code: "server_unreachable" });
  expect(client.state.status).toBe("signed_in");
  expect(session.state.drafts.amount).toEqual({ cents: "12," });
  expect(await unsentSessions(sessions)).toHaveLength(1);
});

test("a sign-out says to the server that nothing is unsent only if it knows that", async () => {
  const owner = someone();
  const sessions = openTab(new ScriptedServer([transfer]), { owner });
  keepsSessionsOf(owner);
  for (const [options, request] of [
    [{ sessions }, "signOut 0"],
    [{}, "signOut"],
  ] as const) {
    server().signInAs(owner);
    const client = page();
    await stateOf(client, "signed_in");
    expect(await client.signOut(options)).toEqual({ status: "signed_out" });
    expect(server().requests.at(-1)).toBe(request);
  }
});

test("S4: what is queued or shelved is unsent too, and what the server has is not", async () => {
  const flows = new ScriptedServer([transfer]);
  const sessions = openTab(flows, { owner: someone() });
  const [queued, shelved, sent] = [sessions.start(transfer), sessions.start(transfer), sessions.start(transfer)];
  await sent.submit("recipient", recipient);
  flows.faults.refuse = ({ kind }) =>
    kind === "submit" ? { code: "rejected", step: "recipient", reason: "No." } : undefined;
  await shelved.submit("recipient", recipient);
  flows.faults.away = true;
  flows.breakStreams();
  await queued.submit("recipient", recipient).stored;
  const found = await unsentSessions(sessions);
  const steps = ["recipient"];
  expect(found.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
    { flow: "transfer", id: queued.id, steps },
    { flow: "transfer", id: shelved.id, steps },
  ]);
  await expect(unsentSessions({ ...sessions })).rejects.toMatchObject({ code: "configuration_invalid" });
});

test("changes that begin before anything is known wait until it is", async () => {
  server().signInAs("ada", false);
  server().signInAs("ada");
  const client = page();
  const ended = await Promise.all([client.revokeOthers(), client.revokeOthers(), client.revokeOthers()]);
  expect(ended.every(({ status }) => status === "ended")).toBe(true);
  expect(server().requests.filter((name) => name === "revokeOthers")).toHaveLength(3);
  expect(client.state).toMatchObject({ status: "signed_in" });
});

const bound = (it: IDBFactory, key: string | symbol): unknown => {
  const value: unknown = Reflect.get(it, key);
  return typeof value === "function" ? (value.bind(it) as unknown) : value;
};

test("S4: a sign-out lets nothing clear the site's data while the browser keeps typed work of another owner", async () => {
  const { flows, sessions: left, session: typed, owner: other } = await withUnsentDraft();
  left.close();
  const owner = someone();
  const sessions = openTab(flows, { owner });
  await sessions.ready;
  server().signInAs(owner);
  const client = page();
  await stateOf(client, "signed_in");
  keepsSessionsOf(owner, other);
  expect(await client.signOut({ sessions })).toEqual({ status: "signed_out" });
  expect(server().requests.at(-1)).toBe("signOut");
  const again = openTab(flows, { owner: other });
  expect(await unsentSessions(again)).toEqual([{ flow: "transfer", id: typed.id, steps: ["amount"] }]);

  // A browser that does not list its databases cannot tell.
  server().signInAs(owner);
  await client.refresh();
  vi.stubGlobal(
    "indexedDB",
    new Proxy(indexedDB, { get: (it, key) => (key === "databases" ? undefined : bound(it, key)) }),
  );
  const anew = openTab(flows, { owner });
  expect(await client.signOut({ sessions: anew })).toEqual({ status: "signed_out" });
  expect(server().requests.at(-1)).toBe("signOut");
});
