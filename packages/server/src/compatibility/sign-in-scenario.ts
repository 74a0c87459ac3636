import { expect } from "vitest";
import type { Database } from "../index.ts";
import { createKysely } from "../postgres/database.ts";
import type { CheckResult } from "../sign-in/keeper/sign-in-keeper.ts";
import type { SignInTables } from "../sign-in/rows/tables.ts";
import { lifetimeOf } from "../sign-in/lifetime.ts";
import { OVERLAP_MS } from "../sign-in/token/rotation.ts";
import type { Token } from "../sign-in/token/token.ts";
import { verifySignIns } from "../sign-in/verify.ts";
import { signIn, testKeeper } from "../testing/sign-ins.ts";

const START_MS = Date.parse("2026-10-25T00:30:00Z");
const ROTATE_MS = 3_600_000;
const AT_MOST = 3;
const LEASE_MS = 10_000;

/** Runs two nodes over a database, from sign-ins to their ends, and expects the same results on every database. */
export async function runSignInScenario(database: Database, owner: string): Promise<void> {
  let nowMs = START_MS;
  const faults: string[] = [];
  const createNode = () =>
    testKeeper(database, {
      now: () => nowMs,
      elapsedMs: () => nowMs,
      lifetime: lifetimeOf("aal1"),
      rotateMs: ROTATE_MS,
      leaseMs: LEASE_MS,
      atMost: { perOwner: AT_MOST, beyond: "end-oldest" },
      report: ({ message, cause }) => faults.push(`${message} ${cause instanceof Error ? cause.message : ""}`),
    });
  const nodes = [createNode(), createNode()] as const;
  const [node, other] = nodes;
  /** Both nodes are asked at once. */
  const askAll = (token: Token) =>
    Promise.all(Array.from({ length: 8 }, async (_, index) => nodes[index % 2]!.check(token)));
  try {
    await node.checkMigrated();
    // More sign in at once than may: the latest stay.
    const begun = await Promise.all(
      Array.from({ length: 6 }, (_, index) => signIn(nodes[index % 2]!, owner, { device: `Gerät '"\\${index} 🦊` })),
    );
    const { rows } = await node.list(owner);
    expect(rows).toHaveLength(AT_MOST);
    expect((await Promise.all(begun.map(({ token }) => other.endOf(token)))).filter(Boolean)).toHaveLength(3);
    const live = begun.filter(({ signIn: { publicId } }) => rows.some((row) => row.publicId === publicId));
    const [mine, theirs] = live as [(typeof live)[0], (typeof live)[0]];
    expect(rows.find(({ publicId }) => publicId === mine.signIn.publicId)?.device).toBe(mine.signIn.device);

    // All get one next secret. It is presented at once on both nodes, and the use is noted.
    nowMs += ROTATE_MS;
    const next = offerOf(await askAll(mine.token));
    expect(kindsOf(await askAll(next))).toEqual(["live"]);
    nowMs += OVERLAP_MS;
    expect(kindsOf(await askAll(next))).toEqual(["live"]);
    const proved = await signIn(other, owner, { current: mine.signIn, factors: ["passkey"] });
    nowMs += LEASE_MS;
    expect(kindsOf(await askAll(proved.token))).toEqual(["live"]);
    expect(kindsOf(await askAll(next))).toEqual(["superseded"]);

    // One is ended from another, then all are.
    expect(await node.end(owner, theirs.signIn.publicId, "revoked", proved.signIn)).toBe(true);
    nowMs += LEASE_MS;
    expect(kindsOf(await askAll(theirs.token))).toEqual(["nobody"]);
    expect(await other.endOf(theirs.token)).toMatchObject({ ending: "revoked" });
    await node.noteSignal(proved.signIn, "place_changed");
    expect((await node.history(owner, { limit: 2 })).rows.map(({ kind }) => kind)).toEqual(["signal", "revoked"]);
    expect(await node.endAll(owner)).toBe(2);
    nowMs += LEASE_MS;
    expect(kindsOf(await askAll(proved.token))).toEqual(["nobody"]);

    // Both nodes sweep what nobody uses any more.
    const forgotten = await signIn(node, owner);
    nowMs = forgotten.signIn.endsMs + ROTATE_MS;
    await Promise.all([node.sweep(), other.sweep()]);
    expect(await node.endOf(forgotten.token)).toMatchObject({ ending: "expired" });

    // A use is written when the node closes, at the latest.
    const used = await signIn(node, owner);
    nowMs += ROTATE_MS;
    expect((await node.check(used.token)).kind).toBe("live");
    await node.close();
    expect((await other.list(owner)).rows).toMatchObject([{ lastUsedMs: nowMs }]);
    const verified = await verifySignIns(createKysely<SignInTables>(database).withSchema("sessions"));
    expect(verified).toMatchObject({ broken: null });
    expect(verified.signIns).toBeGreaterThan(6);
    expect(faults).toEqual([]);
  } finally {
    await Promise.all(nodes.map((each) => each.close()));
  }
}

/** Creates the tables of sign-ins, once in a database. */
export async function prepareSignIns(database: Database): Promise<void> {
  await testKeeper(database, { now: () => START_MS }).migrate();
}

function offerOf(checked: readonly CheckResult[]): Token {
  const offers = checked.flatMap((each) => (each.kind === "live" && each.offer ? [each.offer] : []));
  expect(new Set(offers.map(({ secret }) => Buffer.from(secret).toString("hex"))).size).toBe(1);
  return offers[0]!;
}

const kindsOf = (checked: readonly CheckResult[]) => [...new Set(checked.map(({ kind }) => kind))];
