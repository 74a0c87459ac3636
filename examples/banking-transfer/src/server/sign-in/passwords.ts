import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { TRPCError } from "@trpc/server";
import pLimit from "p-limit";

/** The most passwords that wait for their check. */
const MAX_WAITING = 20;

const derive = promisify<string, Buffer, number, Buffer>(scrypt);

// One at a time: a check takes 50 ms of a processor, which the other requests need too.
const oneByOne = pLimit(1);

/** The stored form of a password: a salt, and the scrypt key of both, in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  return `${salt.toString("base64url")}.${(await derive(password, salt, 32)).toString("base64url")}`;
}

/** @throws {TRPCError} `TOO_MANY_REQUESTS` if too many passwords wait already. */
export function refuseWhenBusy(): void {
  if (oneByOne.pendingCount < MAX_WAITING) return;
  throw new TRPCError({ code: "TOO_MANY_REQUESTS", message: "Many people are signing in just now. Try again." });
}

/**
 * Whether a password has this hash. Without a hash the answer is false, after the same time.
 *
 * @throws {TRPCError} `TOO_MANY_REQUESTS` if too many wait already.
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
