import { createSignInKeeper, type SignInKeeperOptions } from "./database-keeper.ts";
import type { SignInKeeper } from "./sign-in-keeper.ts";

/**
 * The sign-ins of a schema, for somebody who knows none of the application's options. The rows alone tell when a sign-in
 * ends, and nothing is cached.
 */
export function createOperatorKeeper(
  options: Pick<SignInKeeperOptions, "database" | "databaseKind" | "schema" | "bus" | "now" | "report">,
): SignInKeeper {
  return createSignInKeeper({
    ...options,
    lifetime: { absoluteMs: Infinity, slackMs: 0 },
    rotateMs: Infinity,
    atMost: { perOwner: Infinity, beyond: "refuse" },
    leaseMs: 0,
    cacheBytes: 0,
    sweeps: false,
  });
}
