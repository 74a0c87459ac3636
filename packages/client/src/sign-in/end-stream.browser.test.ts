import { afterEach, expect, test, vi } from "vitest";
import { quick } from "../testing/devices.ts";
import { stubSignIns } from "../testing/scripted-sign-ins.ts";
import { assembleSignInClient, type SignInClient } from "./sign-in-client.ts";

const server = stubSignIns();
const opened: SignInClient[] = [];
afterEach(() => {
  for (const client of opened.splice(0)) client.close();
  vi.restoreAllMocks();
});

/** A page in which Ada is signed in. It opens its stream soon. */
async function page(): Promise<{ readonly client: SignInClient; readonly id: string }> {
  const id = server().signInAs("ada");
  const client = assembleSignInClient(
    { url: server().url },
    { ...quick, after: (ms, run) => quick.after(Math.min(ms, ms === 45_000 ? ms : 20), run) },
  );
  opened.push(client);
  await stateOf(client, "signed_in");
  return { client, id };
}

const stateOf = (client: SignInClient, status: string) =>
  vi.waitFor(() => expect(client.state).toMatchObject({ status }));
const streams = (count: number) => vi.waitFor(() => expect(server().streamCount).toBe(count));
const asked = (procedure: string) => server().requests.filter((name) => name === procedure).length;

function show(visibility: DocumentVisibilityState): void {
  vi.spyOn(document, "visibilityState", "get").mockReturnValue(visibility);
  document.dispatchEvent(new Event("visibilitychange"));
}

test("S17: a page without sessions is told by its stream that its sign-in was ended elsewhere, and why", async () => {
  const { client, id } = await page();
  await streams(1);
  server().end(id);
  await vi.waitFor(() =>
    expect(client.state).toEqual({
      status: "signed_out",
      ended: { reason: "revoked", at: "2026-03-01T12:00:00.000Z" },
    }),
  );
  expect(server().streamCount).toBe(0);
  const questions = asked("watch");
  await client.refresh();
  expect(asked("watch")).toBe(questions);
});

test("a page that follows its sessions has no stream of its own, and has one again afterwards", async () => {
  const { client } = await page();
  const list = { state: { signedOut: false }, subscribe: () => () => {} };
  await streams(1);
  const [stop, stopOther] = [client.follow(list), client.follow(list)];
  await streams(0);
  stop();
  stop();
  await client.refresh();
  expect(server().streamCount).toBe(0);
  stopOther();
  await streams(1);
});

test("a hidden page has no stream, and has one again when it is visible", async () => {
  await page();
  await streams(1);
  show("hidden");
  await streams(0);
  show("visible");
  await streams(1);
});

test("S16: a stream that breaks signs nobody out, and is opened again", async () => {
  const { client } = await page();
  await streams(1);
  const questions = asked("current");
  server().breakStreams();
  await vi.waitFor(() => expect(asked("watch")).toBe(2));
  await streams(1);
  expect(asked("current")).toBeGreaterThan(questions);
  expect(client.state.status).toBe("signed_in");
});

test("a server without streams is asked for one once", async () => {
  server().faults.hasNoStreams = true;
  const { client } = await page();
  await vi.waitFor(() => expect(asked("watch")).toBe(1));
  // The answer has come when that to a later question has.
  await client.refresh();
  show("hidden");
  show("visible");
  await new Promise((resolve) => quick.after(60, () => resolve(null)));
  expect([asked("watch"), client.state.status]).toEqual([1, "signed_in"]);
});

test("S9: a stream is of the person whom the page shows: it is opened anew when another one signs in", async () => {
  const { client } = await page();
  await streams(1);
  const eve = server().signInAs("eve");
  await client.refresh();
  await vi.waitFor(() => expect(asked("watch")).toBe(2));
  await streams(1);
  server().end(eve);
  await stateOf(client, "signed_out");
});
