import { connect } from "node:net";
import { once } from "node:events";
import { expect, test } from "vitest";
import { SessionsError } from "@sessions/core/internal";
import { databaseFault, faultFrom } from "./errors.ts";

const source = { where: "In a test.", migrate: "test.migrate()" };

/** An error of a driver. Its message quotes a row. */
function driverError(code: string): Error {
  return Object.assign(new Error("Key (name)=(Ada) failed."), { code });
}

test("a fault of a connection tells the operator the address that was tried, and its message tells nobody", async () => {
  const socket = connect({ host: "127.0.0.1", port: 1 });
  const [error] = (await once(socket, "error").catch((refused: unknown) => [refused])) as [Error];
  const fault = databaseFault(error)!;
  expect(fault.code).toBe("database_unreachable");
  expect(String(fault.cause)).toContain("127.0.0.1:1");
  expect(fault.message).not.toContain("127.0.0.1");
});

test.each([
  ["57014", "database_unreachable", "A statement took too long."],
  ["55P03", "database_unreachable", "A statement took too long."],
  ["42P01", "database_not_migrated", "Run test.migrate() once before serving."],
  ["23505", "database_failed", "SQLSTATE 23505"],
  ["ERR_INVALID_STATE", "internal", "In a test."],
])("a fault from %s is %s, and does not quote the driver", (code, faultCode, detail) => {
  const fault = faultFrom(driverError(code), source);
  expect(fault.code).toBe(faultCode);
  expect(fault.message).toContain(detail);
  expect(fault.message).not.toContain("Ada");
});

test("a fault stays as it is, and an error without a source is named", () => {
  const closed = new SessionsError("closed", "Try another node.");
  expect(faultFrom(closed, source)).toBe(closed);
  expect(faultFrom(new TypeError("Ada")).message).toBe(new SessionsError("internal", "TypeError").message);
  expect(faultFrom(driverError("42P01")).message).toContain("sessions.migrate()");
});
