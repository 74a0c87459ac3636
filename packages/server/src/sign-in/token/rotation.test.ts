import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  createRotation,
  GRACE_MS,
  HANG_MS,
  OLD_BRANCH_MS,
  OVERLAP_MS,
  judgeToken,
  type OfferedSecret,
  type TokenJudgement,
  type RotationState,
} from "./rotation.ts";

const START_MS = Date.UTC(2026, 10, 28);
const DAY_MS = 86_400_000;
const rotateMs = DAY_MS;

/** A sign-in's row, and everything that was offered for it. */
class Row {
  state: RotationState;
  nowMs = START_MS;

  readonly first: OfferedSecret;

  constructor() {
    const { rotation, offer } = createRotation(START_MS);
    this.state = rotation;
    this.first = offer;
  }

  present(offer: OfferedSecret, laterMs = 0): TokenJudgement {
    this.nowMs += laterMs;
    const presented = judgeToken(this.state, { owner: "ada", id: "id", ...offer }, this.nowMs, { rotateMs });
    if (presented.kind === "accepted" && presented.write) {
      if (presented.write.revision !== this.state.revision + 1) throw new Error("A write raises the revision by one.");
      this.state = presented.write;
    }
    return presented;
  }

  offered(offer: OfferedSecret, laterMs = 0): OfferedSecret {
    const presented = this.present(offer, laterMs);
    if (presented.kind !== "accepted" || !presented.offer) throw new Error(`Nothing was offered: ${presented.kind}`);
    return presented.offer;
  }

  kind(offer: OfferedSecret, laterMs = 0): string {
    const { kind, offer: next } = this.present(offer, laterMs) as { kind: string; offer?: OfferedSecret };
    return next ? `${kind}, offered ${next.generation}` : kind;
  }
}

/** A row whose generation 1 was presented at this moment, with two branches of it. */
function rotated(): { row: Row; old: OfferedSecret; mine: OfferedSecret; other: OfferedSecret } {
  const row = new Row();
  const mine = row.offered(row.first, DAY_MS);
  const other = row.offered(row.first);
  expect(row.kind(mine)).toBe("accepted");
  return { row, old: row.first, mine, other };
}

test("S16: requests at the same instant are offered one secret, each with a branch of its own, and nothing is written", () => {
  const row = new Row();
  expect(row.kind(row.first, DAY_MS - 1)).toBe("accepted");
  const before = row.state;
  const offers = Array.from({ length: 50 }, () => row.offered(row.first, 1));
  expect(row.state).toBe(before);
  expect(new Set(offers.map(({ secret }) => Buffer.from(secret).toString("hex"))).size).toBe(1);
  expect(new Set(offers.map(({ branch }) => branch)).size).toBe(50);
});

test("S16: the sign-in moves on when the next secret is presented, and the one before is offered it again", () => {
  const { row, old, mine } = rotated();
  expect(row.state.generation).toBe(1);
  const again = row.offered(old, 1_000);
  expect(again).toEqual({ ...mine, branch: again.branch });
});

test("S18: the first token is bound at once: another branch of it was never given", () => {
  const row = new Row();
  expect(row.kind({ ...row.first, branch: "AAAAAAAAAAA" })).toBe("superseded");
  expect(row.kind({ ...row.first, branch: "AAAAAAAAAAA" }, GRACE_MS)).toBe("reused");
});

test("S18: after the overlap the branch that comes first is bound, and another one ends the sign-in", () => {
  const { row, mine, other } = rotated();
  expect(row.kind(other, OVERLAP_MS - 1)).toBe("accepted");
  expect(row.state.branch).toBeNull();
  expect(row.kind(mine, 1)).toBe("accepted");
  expect(row.state.branch).toBe(mine.branch);
  expect(row.kind(other, GRACE_MS - 1)).toBe("superseded");
  expect(row.kind(mine)).toBe("accepted");
  expect(row.kind(other, 1)).toBe("reused");
});

test("S18: the generation before ends the sign-in once the next one is bound", () => {
  const { row, old, mine } = rotated();
  row.present(mine, OVERLAP_MS);
  expect(row.kind(old, GRACE_MS - 1)).toBe("superseded");
  expect(row.kind(old, 1)).toBe("reused");
});

test("S18: an older generation than the one before ends the sign-in at once", () => {
  const { row, old, mine } = rotated();
  row.present(mine, OVERLAP_MS);
  const next = row.offered(mine, DAY_MS);
  row.present(next);
  expect(row.kind(mine)).toBe("accepted, offered 2");
  expect(row.kind(old)).toBe("reused");
});

test("S18: a branch that waited unused through an overlap ends the sign-in after the next rotation too", () => {
  const { row, mine, other } = rotated();
  row.present(mine, OVERLAP_MS);
  row.present(row.offered(mine, DAY_MS));
  expect(row.kind(other)).toBe("reused");
});

test("S16: a request that was on its way at the first use of the next secret is accepted, and offered nothing", () => {
  const { row, old } = rotated();
  expect(row.kind(old, 60_000)).toBe("accepted, offered 1");
  expect(row.kind(old, 1)).toBe("accepted");
  expect(row.kind(old, 2 * HANG_MS - 1)).toBe("accepted");
  expect(row.state.restarts).toBe(0);
});

test("S16: a browser that lost its cookies is offered the secret again, days later too", () => {
  const { row, old } = rotated();
  const again = row.offered(old, 3 * DAY_MS);
  expect(row.state).toMatchObject({ restarts: 1, usedMs: null });
  // Its replies may be lost for hours.
  expect(row.kind(old, DAY_MS)).toBe("accepted, offered 1");
  expect(row.kind(again, 1_000)).toBe("accepted");
  // Replies to older requests are still under way, so nothing is offered, although it is due.
  expect(row.kind(again, OVERLAP_MS - 1)).toBe("accepted");
  expect(row.kind(again, 1)).toBe("accepted, offered 2");
  expect(row.state.branch).toBe(again.branch);
});

test("S18: a branch from before the browser lost its cookies is somebody else's, once no request can be under way", () => {
  const { row, old, mine } = rotated();
  row.offered(old, 2 * HANG_MS + 60_001);
  expect(row.kind(mine, OLD_BRANCH_MS)).toBe("accepted");
  expect(row.state.usedMs).toBeNull();
  expect(row.kind(mine, 1)).toBe("reused");
});

test("S18: the secret before can't delay the end by more than the time of an old branch", () => {
  const { row, old, mine } = rotated();
  const startMs = row.nowMs;
  for (let kind = ""; kind !== "reused"; row.nowMs += 1_000) {
    row.present(old);
    kind = row.present(mine).kind;
  }
  expect(row.nowMs - startMs).toBeLessThan(OVERLAP_MS + OLD_BRANCH_MS);
});

test("a browser that died 255 times between two rotations is accepted, and offered no more", () => {
  const { row, old } = rotated();
  for (let restart = 1; restart <= 255; restart += 1) row.present(row.offered(old, DAY_MS));
  expect(row.state.restarts).toBe(255);
  expect(row.kind(old, DAY_MS)).toBe("accepted");
});

test("S18: a forged secret of any generation is nobody, and ends nothing", () => {
  const { row, old, mine } = rotated();
  row.present(mine, OVERLAP_MS);
  for (const generation of [0, 1, 2, 3, 64, 65, 1_000_000_000]) {
    expect(row.kind({ generation, branch: mine.branch, secret: new Uint8Array(32) }, DAY_MS), `${generation}`).toBe(
      "nobody",
    );
    const copy = { ...old, generation };
    if (generation !== 0) expect(row.kind(copy), `${generation}`).toBe("nobody");
  }
  expect(row.kind({ ...mine, generation: 2 })).toBe("nobody");
  expect(row.kind({ ...mine, generation: 0 })).toBe("nobody");
});

test("S18: the parts of two sign-ins' tokens, mixed, are nobody", () => {
  const mine = [0, 1, 2].map(() => rotated());
  const offers = mine.flatMap(({ old, mine: next, other }) => [old, next, other]);
  const own = fc.constantFrom(...offers);
  fc.assert(
    fc.property(own, own, own, fc.nat(2), (one, two, three, at) => {
      const { row, old, mine: next } = mine[at]!;
      const before = row.state;
      const token = { generation: one.generation, branch: two.branch, secret: three.secret };
      const isOwn = [old, next].some(
        ({ generation, secret }) => generation === token.generation && Buffer.from(secret).equals(token.secret),
      );
      if (!isOwn) expect(row.kind(token)).toBe("nobody");
      expect(row.state).toBe(before);
    }),
  );
});

test("a token is verified 64 generations later, and no later", () => {
  const row = new Row();
  let jar = row.first;
  for (let generation = 0; generation < 64; generation += 1) {
    row.present(jar, OVERLAP_MS);
    jar = row.offered(jar, DAY_MS);
    row.present(jar);
  }
  expect(row.kind(row.first)).toBe("reused");
  row.present(jar, OVERLAP_MS);
  row.present(row.offered(jar, DAY_MS));
  expect(row.kind(row.first)).toBe("nobody");
});

test("a new proof ends the old secret: it is superseded for a moment, then nobody", () => {
  const row = new Row();
  const { rotation, offer } = createRotation(row.nowMs, row.state);
  expect(rotation.revision).toBe(row.state.revision + 1);
  row.state = rotation;
  expect(row.kind(offer)).toBe("accepted");
  expect(row.kind(row.first, GRACE_MS - 1)).toBe("superseded");
  expect(row.kind(row.first, 1)).toBe("nobody");
  expect(row.kind(offer)).toBe("accepted");
});

test("S18: the row holds no secret, and not what a secret can be made of", () => {
  const { row, old, mine } = rotated();
  const stored = JSON.stringify(row.state);
  for (const { secret } of [old, mine]) {
    const bytes = Buffer.from(secret);
    for (const form of ["hex", "base64", "base64url"] as const) expect(stored).not.toContain(bytes.toString(form));
  }
  expect(row.state.hash).toBe(createHash("sha256").update(mine.secret).digest("base64url"));
});
