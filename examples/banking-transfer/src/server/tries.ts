import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import { TRPCError } from "@trpc/server";
import { CompiledQuery, type Kysely } from "kysely";
import { RateLimiterPostgres, type RateLimiterRes } from "rate-limiter-flexible";
import type { BankTables } from "./ledger.ts";

/** How long wrong tries are remembered, in seconds. */
const REMEMBERED_S = 15 * 60;

/** Wrong passwords that are looked at in that time. */
const AT_MOST = {
  /** From one address, whoever they are for. */
  address: 30,
  /** For one person from one address. */
  pair: 10,
  /** For one person, from everywhere: many, or anybody could lock anybody out. */
  person: 100,
} as const;

/** Bounds how often somebody may guess. */
export interface Tries {
  /**
   * Counts a try, before its password is looked at: many at once must not get past.
   *
   * @throws {TRPCError} `TOO_MANY_REQUESTS`, the same for a person who exists and one who does not.
   */
  begin(id: string, address: string): Promise<void>;
  /** It was the right password: what was counted is taken back. */
  succeed(id: string, address: string): Promise<void>;
}

/** The counts are in the bank's own database: they hold on all of its nodes, and through a restart. */
export function createTries(db: Kysely<BankTables>): Tries {
  const limiter = (kind: keyof typeof AT_MOST) =>
    new RateLimiterPostgres({
      storeType: "client",
      // What it asks of node-postgres, asked of either database.
      storeClient: {
        query: ({ text, values }: { readonly text: string; readonly values: readonly unknown[] }) =>
          db.executeQuery(CompiledQuery.raw(text, [...values])),
      },
      schemaName: "bank",
      tableName: "sign_in_try",
      tableCreated: true,
      keyPrefix: kind,
      points: AT_MOST[kind],
      duration: REMEMBERED_S,
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

/** Hashed: somebody may have typed a password into the wrong field. */
function keysOf(id: string, address: string) {
  const hash = (text: string) => createHash("sha256").update(text).digest("base64url");
  const network = networkOf(address);
  return { network: hash(network), pair: hash(`${network} ${id}`), person: hash(id) };
}

/** A home has all the IPv6 addresses that begin alike, in four groups. */
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
