import { expect, test } from "vitest";
import { applyChange, type Snapshot } from "@sessions/core/internal";
import { loadHistory } from "./history.ts";
import { createKysely } from "../../../postgres/database.ts";
import type { Tables } from "../tables.ts";
import { chainHash } from "../../../postgres/chain-hash.ts";
import { keylessCipher } from "../../../secrets/owner-cipher.ts";
import { changeOf } from "../../../testing/secrets/history-change.ts";
import { contentDigest } from "./history-entry.ts";
import { draft, TestClient, transfer } from "../../../testing/bank.ts";
import { twoNodes } from "../../../testing/two-nodes.ts";

const { pool, node } = await twoNodes();

test("S15: the history is gap-free and hash-chained, holds no drafts, and replays to the snapshot", async () => {
  const ada = new TestClient(node, "ada");
  const { session, review } = await ada.untilReview();
  await ada.one(draft(session, "recipient", "name", "never submitted"));
  await ada.one(review);
  const final = (await ada.read(session))!;

  const history = await loadHistory(createKysely<Tables>(pool).withSchema("sessions"), "ada", session, keylessCipher);
  expect(history.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
  expect(JSON.stringify(history)).not.toContain("never submitted");
  let hash: Uint8Array | null = null;
  let replayed: Snapshot | null = null;
  for (const entry of history) {
    hash = chainHash(hash, entry.text);
    expect(Buffer.from(entry.hash).equals(hash)).toBe(true);
    expect(entry.body.content).toBe(contentDigest(entry));
    const { command, at, revision, device: id } = entry.body;
    const { device: name, output = null, result = null } = entry.content;
    const device = { id, name: name! };
    const change = changeOf(entry);
    replayed = applyChange(transfer, replayed, change, { nowMs: Date.parse(at), device, command: command!, session });
    replayed = { ...replayed, revision, result };
    if (change.kind === "submit" && output !== null) {
      replayed = { ...replayed, outputs: { ...replayed.outputs, [change.step]: output } };
    }
  }
  expect(replayed).toEqual(final);
});
