import type { Kysely } from "kysely";
import { people } from "../../people.ts";
import { createCookies } from "./cookies.ts";
import type { BankTables } from "../ledger.ts";
import { passwordMatches, refuseWhenBusy } from "./passwords.ts";
import { createAttempts } from "./attempts.ts";

export interface User {
  readonly id: string;
  readonly name: string;
  /** The number of this browser among the person's browsers, from one. */
  readonly browser: number;
}

/** The browser of a request. */
export interface Browser {
  readonly cookies: string | undefined;
  readonly address: string;
}

/** A person, and the `Set-Cookie` value that signs this browser in. */
export interface SignedIn {
  readonly user: User;
  readonly cookie: string;
}

export interface SignIn {
  /**
   * Signs a person in. Returns null for a wrong password and for an unknown person, after the same time.
   *
   * @throws {TRPCError} `TOO_MANY_REQUESTS` after many wrong attempts, or while many others sign in.
   */
  enter(id: string, password: string, browser: Browser): Promise<SignedIn | null>;
  /** Signs the browser out. Returns the `Set-Cookie` value. */
  leave(browser: Browser): Promise<string>;
  /** The person who is signed in; null for nobody. */
  userOf(browser: Browser): Promise<User | null>;
}

/** Sign-in by password, kept in a cookie. */
export function createSignIn(db: Kysely<BankTables>): SignIn {
  const cookies = createCookies(db);
  const attempts = createAttempts(db);

  return {
    async enter(id, password, browser) {
      // Before the attempt counts, because its password is not checked.
      refuseWhenBusy();
      await attempts.begin(id, browser.address);
      const account = await db
        .selectFrom("bank.account")
        .select("password_hash")
        .where("owner", "=", id)
        .executeTakeFirst();
      // An unknown person takes the same time. Else the time would tell who is a customer.
      const matches = await passwordMatches(password, account?.password_hash);
      const person = personOf(id);
      if (!matches || !person) return null;
      await attempts.succeed(id, browser.address);
      const { cookie, browser: number } = await cookies.begin(id, browser.cookies);
      return { user: { ...person, browser: number }, cookie };
    },
    leave: (browser) => cookies.end(browser.cookies),
    async userOf(browser) {
      const found = await cookies.find(browser.cookies);
      const person = found && personOf(found.owner);
      return person ? { ...person, browser: found.browser } : null;
    },
  };
}

function personOf(id: string): Pick<User, "id" | "name"> | undefined {
  const person = people.find((one) => one.id === id);
  return person && { id, name: person.name };
}
