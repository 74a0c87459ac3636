import type { Kysely } from "kysely";
import { people } from "../people.ts";
import { createCookies } from "./cookies.ts";
import type { BankTables } from "./ledger.ts";
import { passwordMatches, refuseWhenBusy } from "./passwords.ts";
import { createTries } from "./tries.ts";

export interface User {
  readonly id: string;
  readonly name: string;
  /** Which of the person's browsers this is, counted from one. */
  readonly browser: number;
}

/** What a request says of the browser that made it. */
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
   * Signs a person in; null for a wrong person or password alike, and after the same time.
   *
   * @throws {TRPCError} `TOO_MANY_REQUESTS` after many wrong tries, or while many others sign in.
   */
  enter(id: string, password: string, browser: Browser): Promise<SignedIn | null>;
  /** Signs the browser out. Returns the `Set-Cookie` value. */
  leave(browser: Browser): Promise<string>;
  /** Who is signed in; null for nobody. */
  userOf(browser: Browser): Promise<User | null>;
}

/** Sign-in by password, kept in a cookie. */
export function createSignIn(db: Kysely<BankTables>): SignIn {
  const cookies = createCookies(db);
  const tries = createTries(db);

  return {
    async enter(id, password, browser) {
      // Before the try is counted: nobody looks at it.
      refuseWhenBusy();
      await tries.begin(id, browser.address);
      const account = await db
        .selectFrom("bank.account")
        .select("password_hash")
        .where("owner", "=", id)
        .executeTakeFirst();
      // Someone unknown costs as much time as someone known, or the time would tell who is a customer.
      const matches = await passwordMatches(password, account?.password_hash);
      const person = personOf(id);
      if (!matches || !person) return null;
      await tries.succeed(id, browser.address);
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
