import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { TRPCError } from "@trpc/server";
import pLimit from "p-limit";

/** How many wait for their turn at most. */
const WAITING_AT_MOST = 20;

const derive = promisify<string, Buffer, number, Buffer>(scrypt);

// One at a time: a password takes a processor for 50 ms, and the bank has others to answer.
const oneByOne = pLimit(1);

/** A password as it is kept: a salt and scrypt's key of both, in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  return `${salt.toString("base64url")}.${(await derive(password, salt, 32)).toString("base64url")}`;
}

/** @throws {TRPCError} `TOO_MANY_REQUESTS` when too many passwords wait already. */
export function refuseWhenBusy(): void {
  if (oneByOne.pendingCount < WAITING_AT_MOST) return;
  throw new TRPCError({ code: "TOO_MANY_REQUESTS", message: "Many people are signing in just now. Try again." });
}

/**
 * Whether a password has this hash. Without a hash, which is that of nobody, it takes as long and is false.
 *
 * @throws {TRPCError} `TOO_MANY_REQUESTS` when too many wait already.
 */
export async function passwordMatches(password: string, hash = UNKNOWN_PERSON): Promise<boolean> {
  refuseWhenBusy();
  const [salt = "", key = ""] = hash.split(".");
  const derived = await oneByOne(() => derive(password, Buffer.from(salt, "base64url"), 32));
  const [a, b] = [Buffer.from(derived.toString("base64url")), Buffer.from(key)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** No password has this hash: its key is too short. */
const UNKNOWN_PERSON = `${Buffer.alloc(16).toString("base64url")}.none`;
