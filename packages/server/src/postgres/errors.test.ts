import { connect } from "node:net";
import { once } from "node:events";
import { expect, test } from "vitest";
import { databaseFault } from "./errors.ts";

test("a fault of a connection tells the operator the address that was tried, and its message tells nobody", async () => {
  const socket = connect({ host: "127.0.0.1", port: 1 });
  const [error] = (await once(socket, "error").catch((refused: unknown) => [refused])) as [Error];
  const fault = databaseFault(error)!;
  expect(fault.code).toBe("database_unreachable");
  expect(String(fault.cause)).toContain("127.0.0.1:1");
  expect(fault.message).not.toContain("127.0.0.1");
});
