import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import { TRPCError } from "@trpc/server";
import { CompiledQuery, type Kysely } from "kysely";
import { RateLimiterPostgres, type RateLimiterRes } from "rate-limiter-flexible";
import type { BankTables } from "../ledger.ts";

/** How long wrong attempts count, in seconds. */
const COUNTED_S = 15 * 60;

/** The most wrong passwords that the bank checks in that time. */
const MAX_WRONG = {
  /** From one address, for all people. */
  address: 30,
  /** For one person from one address. */
  pair: 10,
  /** For one person from all addresses. It is high, or a stranger could lock a customer out. */
  person: 100,
} as const;

/** Limits wrong passwords. */
export interface Attempts {
  /**
   * Counts an attempt before its password is checked, so that many at once cannot pass the limit.
   *
   * @throws {TRPCError} `TOO_MANY_REQUESTS`, in the same way for an unknown person.
   */
  begin(id: string, address: string): Promise<void>;
  /** The password was right: the attempt counts no more. */
  succeed(id: string, address: string): Promise<void>;
}

/** The counts are in the bank's database. They hold on all nodes and after a restart. */
export function createAttempts(db: Kysely<BankTables>): Attempts {
  const limiter = (kind: keyof typeof MAX_WRONG) =>
    new RateLimiterPostgres({
      storeType: "client",
      // The library expects a client of node-postgres. This one serves PGlite too.
      storeClient: {
        query: ({ text, values }: { readonly text: string; readonly values: readonly unknown[] }) =>
          db.executeQuery(CompiledQuery.raw(text, [...values])),
      },
      schemaName: "bank",
      tableName: "sign_in_try",
      tableCreated: true,
      keyPrefix: kind,
      points: MAX_WRONG[kind],
      duration: COUNTED_S,
    });
  const [byAddress, byPair, byPerson] = [limiter("address"), limiter("pair"), limiter("person")];

  return {
    async begin(id, address) {
      const { network, pair, person } = keysOf(id, address);
      try {
        await byAddress.consume(network);
        await byPair.consume(pair);
        await byPerson.consume(person);
      } catch (refused) {
        throw refused instanceof Error ? refused : tooMany(refused as RateLimiterRes);
      }
    },
    async succeed(id, address) {
      const { network, pair, person } = keysOf(id, address);
      await Promise.all([byAddress.reward(network), byPair.delete(pair), byPerson.reward(person)]);
    },
  };
}

/** The keys are hashes, because a person may type the password into the wrong field. */
function keysOf(id: string, address: string) {
  const hash = (text: string) => createHash("sha256").update(text).digest("base64url");
  const network = networkOf(address);
  return { network: hash(network), pair: hash(`${network} ${id}`), person: hash(id) };
}

/** The network of an address. One home has all IPv6 addresses with the same first four groups. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes(".")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head.split(":");
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(":").length;
  return [...groups, ...Array.from({ length: missing }, () => "0")].slice(0, 4).join(":");
}

function tooMany({ msBeforeNext }: RateLimiterRes): TRPCError {
  const minutes = Math.max(1, Math.ceil(msBeforeNext / 60_000));
  const wait = minutes === 1 ? "a minute" : `${minutes} minutes`;
  return new TRPCError({ code: "TOO_MANY_REQUESTS", message: `Too many wrong tries. Try again in ${wait}.` });
}
