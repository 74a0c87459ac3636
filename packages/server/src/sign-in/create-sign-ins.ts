import type { DataDefinitions } from "@sessions/core/internal";
import { createSignInKeeper } from "./keeper/database-keeper.ts";
import { checkedOptions } from "./options/checked-options.ts";
import type { SignInsOptions } from "./options/options.ts";
import { signInsOver, type SignIns } from "./sign-ins.ts";

/**
 * Keeps who is signed in, in which browsers and apps, and until when: in Postgres, and in each node's cache.
 *
 * @throws {SessionsError} `configuration_invalid` for an option that cannot work.
 * @example
 * export const signIns = createSignIns({ database: pool, expires: "aal1" });
 * await signIns.migrate();
 * app.use(signIns.express());
 */
export function createSignIns<const Data extends DataDefinitions = Record<never, never>>(
  options: SignInsOptions<Data>,
): SignIns<Data> {
  const checked = checkedOptions(options);
  const { database, databaseKind, prepare, bus, sweeps } = options;
  return signInsOver(createSignInKeeper({ ...checked, database, databaseKind, prepare, bus, sweeps }), checked);
}
