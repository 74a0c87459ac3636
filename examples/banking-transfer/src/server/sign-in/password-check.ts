import type { Kysely } from "kysely";
import { personOf } from "../../people.ts";
import type { BankTables } from "../ledger.ts";
import { createAttempts } from "./attempts.ts";
import { passwordMatches, refuseWhenBusy } from "./passwords.ts";

/** A name and a password, and the address that they come from. */
export interface Attempt {
  readonly id: string;
  readonly password: string;
  readonly address: string;
}

/**
 * Makes the function that checks passwords. It returns false for a wrong password and for an unknown person, after the
 * same time.
 *
 * @throws {TRPCError} `TOO_MANY_REQUESTS` after many wrong attempts, or while many passwords wait for their check.
 */
export function createPasswordCheck(db: Kysely<BankTables>): (attempt: Attempt) => Promise<boolean> {
  const attempts = createAttempts(db);

  return async ({ id, password, address }) => {
    // Before the attempt counts, because its password is not checked.
    refuseWhenBusy();
    await attempts.begin(id, address);
    const account = await db
      .selectFrom("bank.account")
      .select("password_hash")
      .where("owner", "=", id)
      .executeTakeFirst();
    // An unknown person takes the same time. Else the time would tell who is a customer.
    const matches = await passwordMatches(password, account?.password_hash);
    if (!matches || !personOf(id)) return false;
    await attempts.succeed(id, address);
    return true;
  };
}
