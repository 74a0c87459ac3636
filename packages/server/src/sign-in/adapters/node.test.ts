import { createServer, request, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MemoryKeeper } from "../../testing/visits/memory-keeper.ts";
import { checkedOptions } from "../options/checked-options.ts";
import { signInsOver } from "../sign-ins.ts";
import { NodeRequest } from "./node.ts";

const keeper = new MemoryKeeper({ now: Date.now });
const signIns = signInsOver(keeper, checkedOptions({ database: {} as never }));
let server: Server;

beforeAll(async () => {
  server = createServer((req, res) => void answer(req, res));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => server.close());

/** A host that has begun its answer before it asks who is there. */
async function answer(...[req, res]: Parameters<typeof signIns.node>): Promise<void> {
  res.writeHead(200).write("[");
  const visit = await signIns.node(req, res);
  const signedIn = await visit
    ?.signInAs("ada", { factors: ["password"] })
    .catch((error: { code: string }) => error.code);
  res.end(JSON.stringify(signedIn ?? null));
}

test("nobody is signed in by an answer whose headers left before its visit was opened", async () => {
  const { port } = server.address() as AddressInfo;
  const body = await new Promise<string>((resolve, reject) => {
    const sent = request({ port, method: "POST", headers: { host: "bank.example", "sec-fetch-site": "same-origin" } });
    sent.on("response", (response) => resolve(text(response))).on("error", reject);
    sent.end();
  });
  expect(body).toBe('["configuration_invalid"');
  expect(keeper.live).toEqual([]);
});

test("a host that a connection from elsewhere names is not this machine's", () => {
  const requestFrom = (remoteAddress: string | undefined, httpVersion = "1.1") =>
    new NodeRequest(
      { headers: { host: "localhost:3000" }, socket: { remoteAddress }, httpVersion } as IncomingMessage,
      {
        trustProxy: false,
        cookieName: "sign-in",
      },
    ).cookieName;
  for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) expect(requestFrom(address)).toBe("sign-in");
  for (const address of ["10.0.0.2", "203.0.113.7", "::ffff:10.0.0.2", "127.0.0.1.example", undefined]) {
    expect(requestFrom(address)).toBe("__Host-sign-in");
  }
  expect(requestFrom("127.0.0.1", "1.0")).toBe("__Host-sign-in");
});
