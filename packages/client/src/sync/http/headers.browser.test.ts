import { afterEach, expect, test, vi } from "vitest";
import { createSessionsClient, type SessionsClient, type SessionsClientOptions } from "../../sessions.ts";
import { someone } from "../../testing/devices.ts";
import { recipient, transfer } from "../../testing/transfer.ts";

let sessions: SessionsClient | undefined;

afterEach(async () => {
  await sessions?.forget();
  vi.unstubAllGlobals();
});

/** What is asked of a server of another origin that is down, by procedure. */
function asked(options: Pick<Extract<SessionsClientOptions, { url: string }>, "headers" | "credentials">) {
  const requests = new Map<string, RequestInit>();
  vi.stubGlobal("fetch", (address: string, init: RequestInit) => {
    requests.set(/sessions\.(\w+)/.exec(address)![1]!, init);
    return Promise.resolve(new Response("", { status: 503 }));
  });
  const url = "https://bank.test/trpc";
  sessions = createSessionsClient({ flows: [transfer], owner: someone(), url, onError: () => {}, ...options });
  sessions.list(transfer);
  sessions.start(transfer).submit("recipient", recipient);
  return vi.waitFor(() => {
    expect([...requests.keys()].toSorted()).toEqual(expect.arrayContaining(["changes", "list", "push", "watch"]));
    return [...requests.values()].map(({ headers, credentials }) => ({
      authorization: new Headers(headers).get("authorization"),
      accept: new Headers(headers).get("accept"),
      credentials,
    }));
  });
}

test("headers of the application's go with every call and with the stream, asked for each time, and no cookie with them", async () => {
  let token = 0;
  const requests = await asked({ headers: () => Promise.resolve({ authorization: `Bearer ${(token += 1)}` }) });
  const tokens = requests.map(({ authorization }) => authorization);
  expect(tokens.every((one) => /^Bearer \d+$/.test(one ?? ""))).toBe(true);
  expect(new Set(tokens).size).toBe(tokens.length);
  expect(requests.filter(({ accept }) => accept === "text/event-stream")).toHaveLength(1);
  expect(new Set(requests.map(({ credentials }) => credentials))).toEqual(new Set(["same-origin"]));
});

test("without headers cookies go along, and what the application says of them holds with headers too", async () => {
  const credentials = async (options: Parameters<typeof asked>[0]) => {
    const requests = await asked(options);
    await sessions!.forget();
    return [...new Set(requests.map((request) => request.credentials))];
  };
  expect(await credentials({})).toEqual(["include"]);
  expect(await credentials({ headers: { authorization: "Bearer 1" }, credentials: "include" })).toEqual(["include"]);
});
