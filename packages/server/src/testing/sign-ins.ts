import type { Pool } from "pg";
import { createSignInKeeper, type SignInKeeperOptions } from "../sign-in/keeper/database-keeper.ts";
import type { LiveSignIn, NewSignIn, SignInKeeper } from "../sign-in/keeper/sign-in-keeper.ts";
import { lifetimeOf } from "../sign-in/lifetime.ts";
import type { Token } from "../sign-in/token/token.ts";
import { directUrls } from "./connections/direct-url.ts";

/** The keeper of one node, with what tests usually want. A fault in the background fails the test that looks at it. */
export function testKeeper(
  database: SignInKeeperOptions["database"],
  options: Partial<SignInKeeperOptions> = {},
): SignInKeeper {
  return createSignInKeeper({
    database,
    schema: "sessions",
    lifetime: lifetimeOf("aal2"),
    rotateMs: 3_600_000,
    atMost: { perOwner: 100, beyond: "end-oldest" },
    leaseMs: 10_000,
    cacheBytes: 1_000_000,
    sweeps: false,
    // A pooler in transaction mode gives each transaction another connection.
    prepare: !directUrls.has(database),
    report: (fault) => console.error(fault.message),
    ...options,
  });
}

/** Signs an owner in, and fails if that is refused. */
export async function signIn(
  keeper: SignInKeeper,
  owner: string,
  input: Partial<NewSignIn> = {},
): Promise<{ readonly signIn: LiveSignIn; readonly token: Token }> {
  const begun = await keeper.begin({
    owner,
    factors: ["password"],
    device: "Firefox on Linux",
    place: "BE",
    current: null,
    ...input,
  });
  if (begun.kind === "refused") throw new Error(`${owner} was refused.`);
  return begun;
}

/** How many sign-ins of an owner the table holds. */
export async function countRows(pool: Pool, owner: string): Promise<number> {
  const { rows } = await pool.query<{ count: string }>("select count(*) from sessions.sign_in where owner_id = $1", [
    owner,
  ]);
  return Number(rows[0]?.count);
}
