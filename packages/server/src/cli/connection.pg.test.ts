import { expect, onTestFinished, test } from "vitest";
import { freshDatabase } from "../testing/postgres.ts";
import { connect } from "./connection.ts";

const { url } = await freshDatabase();

/** The message of a check of this database. */
async function faultOf(databaseUrl: string): Promise<string> {
  try {
    const connection = await connect({ databaseUrl, schema: "sessions" });
    onTestFinished(() => connection.end());
    await connection.sessions.check();
    return "nothing";
  } catch (error) {
    return String(error);
  }
}

/** The URL of the test's database, with a change. */
function urlWith(change: (url: URL) => void): string {
  const other = new URL(url);
  change(other);
  return other.href;
}

test.for<readonly [name: string, databaseUrl: string, says: string]>([
  [
    "does not answer",
    "postgres://nobody:hidden@127.0.0.1:1/none",
    "database_unreachable: The database does not answer",
  ],
  ["has no known host", "postgres://nobody:hidden@sessions.invalid/none", "host name is not known"],
  ["does not exist", urlWith((one) => (one.pathname = "/none")), "does not exist (3D000): create it"],
  ["offers no TLS", urlWith((one) => (one.search = "?sslmode=verify-full")), "offers no TLS"],
  ["has a bad port", "postgres://ada:hidden@127.0.0.1:hidden/none", "URL cannot be read"],
  ["has a password that is not encoded", "postgres://ada:hidden#/hidden@127.0.0.1/none", "URL cannot be read"],
  [
    "has a certificate that is not there",
    "postgres://ada:hidden@127.0.0.1/none?sslrootcert=hidden",
    "URL cannot be read",
  ],
  ["is of another kind", "mysql://ada:hidden@127.0.0.1/none", "written as postgres://"],
  ["is named without a scheme", "ada:hidden@127.0.0.1/none", "written as postgres://"],
  ["is not named", "", "Set DATABASE_URL, or give --database-url."],
  ["has no tables", url, "database_not_migrated"],
])("a database that %s is told so, without its password", async ([, databaseUrl, says]) => {
  const fault = await faultOf(databaseUrl);
  expect(fault).toContain(says);
  expect(fault).not.toMatch(/hidden|\n/);
});

test.skipIf(process.env["DATABASE_URL"])("a database that refuses the password is told so", async () => {
  expect(await faultOf(urlWith((one) => (one.password = "hidden")))).toContain(
    "refuses the user or the password (28P01)",
  );
});
