import { afterEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { quick } from "../testing/devices.ts";
import { stubSignIns } from "../testing/scripted-sign-ins.ts";
import { assembleSignInClient, type SignInClient } from "./sign-in-client.ts";

const server = stubSignIns();
const data = { count: { schema: z.number().max(50), per: "owner" } } as const;
type Page = SignInClient<typeof data>;
const opened: Page[] = [];
afterEach(() => {
  for (const client of opened.splice(0)) client.close();
});

/** A page of the browser. It asks again soon. */
function page(): Page {
  const client: Page = assembleSignInClient(
    { url: server().url, data },
    { ...quick, after: (ms, run) => quick.after(Math.min(ms, 20), run) },
  );
  opened.push(client);
  return client;
}

const plusOne = (before = 0) => before + 1;

test("of changes on many pages at once, none is lost", async () => {
  server().signInAs("ada");
  const pages = Array.from({ length: 4 }, page);
  const changes = pages.flatMap((each) => [each.data.change("count", plusOne), each.data.change("count", plusOne)]);
  for (const changed of await Promise.all(changes)) expect(changed.status).toBe("changed");
  expect(await pages[0]!.data.get("count")).toBe(8);
});

test("a change whose answer is lost is made once", async () => {
  server().signInAs("ada");
  const client = page();
  server().faults.lostReplies = 1;
  expect(await client.data.change("count", plusOne)).toEqual({ status: "changed", value: 1 });
  expect(await client.data.get("count")).toBe(1);
  expect(server().data.get("ada count")).toMatchObject({ version: 1 });
});

test("a shown value follows the other pages of the browser, and the person who is signed in", async () => {
  server().signInAs("ada");
  const [one, other] = [page(), page()];
  const item = other.data.item("count");
  const shown: unknown[] = [];
  item.subscribe(() => shown.push(item.state.value));
  await one.data.change("count", () => 7);
  await vi.waitFor(() => expect(item.state).toMatchObject({ status: "loaded", value: 7 }));
  const eve = server().signInAs("eve");
  await other.refresh();
  await vi.waitFor(() => expect(item.state).toMatchObject({ status: "loaded", value: undefined }));
  server().end(eve);
  await other.refresh();
  await vi.waitFor(() => expect(item.state).toMatchObject({ status: "signed_out", value: undefined }));
  expect(shown.filter((value) => value !== undefined)).toEqual([7]);
});

test("a change of one person's value is not made for the person who signs in meanwhile", async () => {
  server().signInAs("ada");
  const client = page();
  await client.data.change("count", () => 7);
  await vi.waitFor(() => expect(client.state.status).toBe("signed_in"));
  server().signInAs("eve");
  expect(await client.data.change("count", plusOne)).toEqual({ status: "signed_out" });
  expect([...server().data.keys()]).toEqual(["ada count"]);
});

test("a value that the schema refuses is not sent, and a server that is away is told", async () => {
  server().signInAs("ada");
  const client = page();
  expect(await client.data.change("count", () => 51)).toMatchObject({ status: "refused", code: "invalid_input" });
  expect(server().requests).not.toContain("set");
  server().faults.away = true;
  await expect(client.data.change("count", plusOne)).rejects.toMatchObject({ code: "server_unreachable" });
  const item = client.data.item("count");
  item.subscribe(() => {});
  await vi.waitFor(() => expect(item.state.status).toBe("unreachable"));
});

test("a value that this version of the page cannot read is an unexpected answer, and is not overwritten", async () => {
  server().signInAs("ada");
  server().data.set("ada count", { version: 3, value: "many" });
  const client = page();
  await expect(client.data.change("count", () => 1)).rejects.toMatchObject({ code: "answer_unexpected" });
  expect(server().data.get("ada count")).toEqual({ version: 3, value: "many" });
});

test("S20: of a stranger's first values on many pages at once, none is lost, and one visitor has them", async () => {
  server().hasVisitors = true;
  const pages = Array.from({ length: 3 }, page);
  const item = pages[0]!.data.item("count");
  item.subscribe(() => {});
  await vi.waitFor(() => expect(item.state).toEqual({ status: "loaded", value: undefined, conflicts: [] }));
  expect(server().visitor).toBeNull();
  const changes = pages.flatMap((each) => [each.data.change("count", plusOne), each.data.change("count", plusOne)]);
  for (const changed of await Promise.all(changes)) expect(changed.status).toBe("changed");
  expect(await pages[0]!.data.get("count")).toBe(6);
  expect(server().data.size).toBe(1);
});

test("S20: what the sign-in did not adopt, a page adopts, and shows at once", async () => {
  server().hasVisitors = true;
  const client = page();
  await client.data.change("count", () => 7);
  const item = client.data.item("count");
  item.subscribe(() => {});
  server().signInAs("ada");
  await client.refresh();
  await vi.waitFor(() => expect(item.state).toMatchObject({ status: "loaded", value: 7 }));
  expect([...server().data.keys()]).toEqual(["ada count"]);
});

test("S20: a visitor's value waits beside the person's own one until a page decides, and other pages are told", async () => {
  server().hasVisitors = true;
  const [one, other] = [page(), page()];
  await one.data.change("count", () => 7);
  server().data.set("ada count", { version: 4, value: 2 });
  server().signInAs("ada");
  await one.refresh();
  const item = other.data.item("count");
  item.subscribe(() => {});
  await vi.waitFor(() => expect(item.state).toEqual({ status: "loaded", value: 2, conflicts: [7] }));
  await other.data.change("count", plusOne);
  expect(item.state).toEqual({ status: "loaded", value: 3, conflicts: [7] });
  expect(await one.data.conflicts("count")).toEqual([7]);
  const sum = (own = 0, others: readonly number[]) => others.reduce((total, each) => total + each, own);
  expect(await one.data.resolve("count", sum)).toEqual({ status: "changed", value: 10 });
  await vi.waitFor(() => expect(item.state).toEqual({ status: "loaded", value: 10, conflicts: [] }));
  expect(await one.data.resolve("count", () => 50)).toEqual({ status: "changed", value: 10 });
});
