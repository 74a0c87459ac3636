import { createHash, randomBytes } from "node:crypto";
import type { Kysely } from "kysely";
import type { BankTables } from "../ledger.ts";

/** Remembers sign-ins: the cookie holds a random token, and the database its hash. */
export interface Cookies {
  /** Signs a person in, and ends the earlier sign-in of this browser. `cookie` is the `Set-Cookie` value. */
  begin(owner: string, cookies: string | undefined): Promise<{ readonly browser: number; readonly cookie: string }>;
  /** Signs the browser out. A copy of its cookie is useless after that. */
  end(cookies: string | undefined): Promise<string>;
  /** The sign-in of a request's `Cookie` header; null for none. */
  find(cookies: string | undefined): Promise<FoundSignIn | null>;
}

export interface FoundSignIn {
  readonly owner: string;
  /** The number of the browser among the person's browsers, from one. After a sign-out, another browser can get its number. */
  readonly browser: number;
}

const SIGNED_IN_MS = 7 * 24 * 3_600_000;

/** The most browsers in which one person is signed in. The next sign-in ends the oldest. */
const MAX_BROWSERS = 50;

/**
 * `SameSite=Lax` keeps the cookie out of the requests of other sites. `HttpOnly` hides it from scripts. `Secure` needs
 * HTTPS, and the example uses HTTP on localhost.
 */
export function createCookies(db: Kysely<BankTables>): Cookies {
  async function end(cookies: string | undefined): Promise<void> {
    const token = tokenIn(cookies);
    if (token) await db.deleteFrom("bank.sign_in").where("token_hash", "=", hashOf(token)).execute();
  }

  return {
    async begin(owner, cookies) {
      await end(cookies);
      const token = randomBytes(32).toString("base64url");
      const now = Date.now();
      const browser = await db.transaction().execute(async (tx) => {
        // The lock keeps two browsers that sign in at once from getting the same number.
        await tx.selectFrom("bank.account").select("owner").where("owner", "=", owner).forUpdate().execute();
        const mine = tx.selectFrom("bank.sign_in").where("owner", "=", owner);
        const live = await mine
          .select(["token_hash", "browser"])
          .where("until", ">", new Date(now))
          .orderBy("began_at", "desc")
          .limit(MAX_BROWSERS - 1)
          .execute();
        const kept = live.map(({ token_hash }) => token_hash);
        await tx
          .deleteFrom("bank.sign_in")
          .where("owner", "=", owner)
          .$if(kept.length > 0, (others) => others.where("token_hash", "not in", kept))
          .execute();
        const number = firstFree(live.map((one) => one.browser));
        const row = { token_hash: hashOf(token), owner, browser: number };
        await tx
          .insertInto("bank.sign_in")
          .values({ ...row, began_at: new Date(now), until: new Date(now + SIGNED_IN_MS) })
          .execute();
        return number;
      });
      return { browser, cookie: cookie(token, SIGNED_IN_MS / 1_000) };
    },
    async end(cookies) {
      await end(cookies);
      return cookie("", 0);
    },
    async find(cookies) {
      const token = tokenIn(cookies);
      if (!token) return null;
      const found = await db
        .selectFrom("bank.sign_in")
        .select(["owner", "browser"])
        .where("token_hash", "=", hashOf(token))
        .where("until", ">", new Date())
        .executeTakeFirst();
      return found ?? null;
    },
  };
}

/** The token in a `Cookie` header. */
export function tokenIn(cookies: string | undefined): string | undefined {
  return /(?:^|;\s*)bank=([\w-]{43})(?:;|$)/.exec(cookies ?? "")?.[1];
}

function firstFree(taken: readonly number[]): number {
  let number = 1;
  while (taken.includes(number)) number += 1;
  return number;
}

function cookie(token: string, maxAgeS: number): string {
  return `bank=${token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeS}`;
}

/** A reader of the table cannot sign in with a hash. */
function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
