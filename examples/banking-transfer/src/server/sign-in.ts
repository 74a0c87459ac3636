import { createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import type { Kysely } from "kysely";
import { people } from "../people.ts";
import type { BankTables } from "./ledger.ts";

export interface User {
  readonly id: string;
  readonly name: string;
}

export interface SignIn {
  /** The person whose password this is; null for a wrong person or password alike, and after the same time. */
  check(id: string, password: string): Promise<User | null>;
  /** The `Set-Cookie` value that signs a person in, or out for null. */
  cookie(user: User | null): string;
  /** Whom a request's `Cookie` header names; null when nobody, or when the signature or the time is not right. */
  userOf(cookies: string | undefined): User | null;
}

const COOKIE = "bank";
const SIGNED_IN_MS = 7 * 24 * 3_600_000;
const derive = promisify<string, Buffer, number, Buffer>(scrypt);

/**
 * Sign-in by password, kept in a signed cookie. `SameSite=Lax` keeps it out of requests that other sites make;
 * `HttpOnly` keeps it from scripts. `Secure` is for a host with HTTPS: the example speaks HTTP on localhost.
 */
export function createSignIn(db: Kysely<BankTables>, secret: string): SignIn {
  const sign = (payload: string) => createHmac("sha256", secret).update(payload).digest("base64url");

  return {
    async check(id, password) {
      const account = await db
        .selectFrom("bank.account")
        .select("password_hash")
        .where("owner", "=", id)
        .executeTakeFirst();
      // Someone unknown costs as much time as someone known, or the time would tell who is a customer.
      const matches = await passwordMatches(password, account?.password_hash ?? UNKNOWN_PERSON);
      return account && matches ? userNamed(id) : null;
    },
    cookie(user) {
      const payload = user ? `${user.id}.${Date.now() + SIGNED_IN_MS}` : "";
      const value = user ? `${payload}.${sign(payload)}` : "";
      const maxAge = user ? SIGNED_IN_MS / 1_000 : 0;
      return `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAge}`;
    },
    userOf(cookies) {
      const [, id, until, signature] = /(?:^|;\s*)bank=([\w-]+)\.(\d+)\.([\w-]+)/.exec(cookies ?? "") ?? [];
      if (!id || !until || !signature) return null;
      if (!same(signature, sign(`${id}.${until}`)) || Number(until) < Date.now()) return null;
      return userNamed(id);
    },
  };
}

/** A password as it is kept: a salt and scrypt's key of both, in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  return `${salt.toString("base64url")}.${(await derive(password, salt, 32)).toString("base64url")}`;
}

async function passwordMatches(password: string, hash: string): Promise<boolean> {
  const [salt = "", key = ""] = hash.split(".");
  return same((await derive(password, Buffer.from(salt, "base64url"), 32)).toString("base64url"), key);
}

/** No password has this hash: its key is too short. */
const UNKNOWN_PERSON = `${Buffer.alloc(16).toString("base64url")}.none`;

/** Compares in a time that does not depend on where the texts differ. */
function same(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function userNamed(id: string): User | null {
  const person = people.find((one) => one.id === id);
  return person ? { id, name: person.name } : null;
}
