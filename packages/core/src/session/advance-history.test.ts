import fc from "fast-check";
import { expect, test } from "vitest";
import { applyChange, expireIfDue } from "./change.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { devices } from "../testing/commands.ts";
import { walks, type Walk } from "../testing/walk.ts";

function replayed({ flow, turns }: Walk): Snapshot | null {
  let session: Snapshot | null = null;
  for (const { command, given, result } of turns) {
    if (!result.accepted || result.change === null) continue;
    session = applyChange(flow, session, result.change, { ...given, command: command.id, session: command.session });
  }
  return session;
}

/**
 * What drafts do not touch: they raise the revision and the deadline, and name the device that typed them. By a clock
 * that steps back, the session ends no earlier than the last of them.
 */
function settled(session: Snapshot | null) {
  if (session === null) return null;
  const { drafts: _, revision: __, device: ___, updatedAt: ____, expiresAt: _____, endedAt: ______, ...rest } = session;
  return rest;
}

const drafted = ({ turns }: Walk) => turns.some(({ command, result }) => command.kind === "draft" && result.accepted);

test("S15: the history replays to the session, drafts and what they touch aside", () => {
  fc.assert(
    fc.property(walks, (walk) => {
      expect(settled(replayed(walk))).toEqual(settled(walk.session));
    }),
    { numRuns: 400 },
  );
});

test("S15: a history beside which nothing was drafted replays to the very same session", () => {
  let compared = 0;
  fc.assert(
    fc.property(walks, (walk) => {
      if (drafted(walk)) return;
      compared += 1;
      expect(replayed(walk)).toEqual(walk.session);
    }),
    { numRuns: 400 },
  );
  expect(compared).toBeGreaterThan(50);
});

test("S15: an entry holds what its own command submitted, and nothing that was typed beside it", () => {
  fc.assert(
    fc.property(walks, ({ turns }) => {
      for (const { command, result } of turns) {
        if (!result.accepted || result.change?.kind !== "submit") continue;
        expect(command).toMatchObject({ kind: "submit", step: result.change.step, input: result.change.data });
      }
    }),
  );
});

test("S15: an expiry in the history replays to the session as it is read after its deadline", () => {
  fc.assert(
    fc.property(walks, ({ flow, session }) => {
      fc.pre(session?.status === "active");
      const nowMs = Date.parse(session.expiresAt) + 12_345;
      const given = { nowMs, device: devices[0], command: session.id, session: session.id };
      expect(applyChange(flow, session, { kind: "end", status: "expired" }, given)).toEqual(
        expireIfDue(session, nowMs),
      );
    }),
  );
});

test("S15: a history that lacks its start cannot be replayed", () => {
  fc.assert(
    fc.property(walks, ({ flow, turns }) => {
      const given = { nowMs: 0, device: devices[0], command: "", session: "" };
      for (const { result } of turns) {
        if (!result.accepted || result.change === null || result.change.kind === "start") continue;
        const { change } = result;
        expect(() => applyChange(flow, null, change, given)).toThrow("A history begins with its start.");
      }
    }),
    { numRuns: 50 },
  );
});

test("S15: an adoption in the history replays to the next revision, and changes nothing else", () => {
  fc.assert(
    fc.property(walks, ({ flow, session }) => {
      if (session === null) return;
      const given = { nowMs: 0, device: devices[0], command: session.id, session: session.id };
      const adopted = applyChange(flow, session, { kind: "adopt", from: "visitor-x" }, given);
      expect(adopted).toEqual({ ...session, revision: session.revision + 1 });
    }),
  );
});
