import fc from "fast-check";
import { expect, test } from "vitest";
import { applyChange } from "./change.ts";
import { advance } from "./advance.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { START_MS } from "../testing/commands.ts";
import { walks, type Turn } from "../testing/walk.ts";
import {
  begun,
  cancelling,
  drafting,
  first,
  judged,
  payee,
  recipient,
  second,
  session,
  starting,
  submitting,
  taken,
} from "../testing/transfer-versions.ts";
import { inNewWords, later } from "../testing/renamed-flow.ts";

const ofFirst = (turns: readonly Turn[]) =>
  turns.filter(({ before, command }) => before !== null && command.version === 1 && command.kind !== "start");

test("S12: after a deploy, a session and the commands of the version before are judged as without it", () => {
  const seen = { accepted: 0, refused: 0, confirming: 0 };
  fc.assert(
    fc.property(walks, ({ flow, turns }) => {
      const next = later(flow);
      for (const { before, command, given, result } of ofFirst(turns)) {
        const after = advance(next, before, command, given);
        // Which fields the version before had, nobody knows any more.
        if (!result.accepted && result.refusal.code === "invalid_input" && command.kind === "draft") continue;
        const confirming = command.kind === "submit" && flow.steps[command.step]?.confirm === true;
        if (!result.accepted || confirming) {
          expect(after.accepted).toBe(false);
          if (after.accepted || result.accepted) seen.confirming += 1;
          else if (!confirming) expect(after.refusal.code).toBe(result.refusal.code);
          seen.refused += 1;
          continue;
        }
        seen.accepted += 1;
        const unchanged = result.session === before;
        expect(after).toMatchObject({ accepted: true, session: unchanged ? before : inNewWords(result.session) });
      }
    }),
    { numRuns: 300 },
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(50);
});

test("S12: a session that spans versions replays from its history, each entry by the flow of its version", () => {
  let lifts = 0;
  fc.assert(
    fc.property(walks, fc.nat(6), ({ flow, turns }, deployed) => {
      const next = later(flow);
      let live: Snapshot | null = null;
      let replayed: Snapshot | null = null;
      for (const [index, { command, given }] of turns.entries()) {
        const serving = index >= deployed ? next : flow;
        const result = advance(serving, live, command, given);
        if (!result.accepted) continue;
        live = result.session;
        if (result.change === null) continue;
        if (result.change.lifted) lifts += 1;
        replayed = applyChange(serving, replayed, result.change, { ...given, command: command.id, session });
      }
      const aside = { drafts: {}, revision: 0, device: null, updatedAt: "", expiresAt: "", endedAt: "" };
      if (live !== null) expect({ ...replayed!, ...aside }).toEqual({ ...live, ...aside });
    }),
    { numRuns: 300 },
  );
  expect(lifts).toBeGreaterThan(50);
});

test("S12: lifting is no write: a draft that says nothing new leaves the session at its version and revision", () => {
  const before = taken(first, begun(payee), drafting(1, "amount", { euros: 7 }));
  expect(judged(second, before, drafting(1, "amount", { euros: 7 }))).toEqual({
    accepted: true,
    session: before,
    change: null,
  });
  const typed = judged(second, before, drafting(2, "amount", { cents: 9 }, START_MS + 5));
  expect(typed).toMatchObject({
    accepted: true,
    session: { version: 2, revision: before.revision + 1 },
    change: { kind: "lift", lifted: { version: 2, data: { recipient } } },
  });
  expect(JSON.stringify(typed.accepted && typed.change)).not.toContain("cents");
});

test("S12: whoever confirms has seen it as it is now: an earlier version's confirmation is outdated", () => {
  const before = begun(payee, ["purpose", { text: "Rent" }], ["amount", { euros: 7 }]);
  const review = submitting(first, before, "review", { accepted: true });
  expect(judged(second, before, review)).toEqual({
    accepted: false,
    refusal: { code: "outdated", given: 1, current: 2 },
  });
});

test("S12: what is of a later version is outdated, and not written", () => {
  const before = begun(payee);
  const ahead = taken(second, before, submitting(first, before, "amount", { euros: 1 }));
  for (const command of [drafting(1, "payee", { first: "Bob" }), cancelling(), cancelling(2)]) {
    expect(judged(first, ahead, command)).toEqual({
      accepted: false,
      refusal: { code: "outdated", given: 2, current: 1 },
    });
  }
  expect(judged(first, null, starting(2))).toMatchObject({ refusal: { code: "outdated", given: 2, current: 1 } });
  // Its id is taken, whatever version a start is of.
  expect(judged(first, ahead, starting(2))).toMatchObject({ refusal: { code: "command_mismatch" } });
});
