import { createSecretKey } from "node:crypto";
import { expect, test } from "vitest";
import type { Snapshot } from "@sessions/core/internal";
import { jsonBytes } from "../../json-bytes.ts";
import { clearCipher, keyedCipher, type OwnerCipher } from "../../secrets/owner-cipher.ts";
import { decodeState, encodeState } from "./session-state.ts";

const key = createSecretKey(Buffer.alloc(32, 7));
const keys = { generation: 1, dataKeys: new Map([[1, key]]), chainKey: key, plainUntilMs: null };
const ciphers: readonly [name: string, OwnerCipher][] = [
  ["nothing", clearCipher],
  ["sensitive steps", keyedCipher("sessions", "ada", keys, "sensitive")],
  ["all", keyedCipher("sessions", "ada", keys, "all")],
];

const device = { id: "019ad0a0-0000-7000-8000-000000000001", name: "Chrome on Linux" };
const at = "2026-11-29T11:17:21.000Z";
const note = "é".repeat(700);
const snapshotOf = (): Snapshot => ({
  id: "019ad0a0-0000-7000-8000-000000000000",
  flow: "transfer",
  version: 1,
  revision: 3,
  status: "active",
  data: { card: { number: "4111", note }, amount: { cents: 123 } },
  inputs: { amount: { cents: "1,23" } },
  outputs: { card: { holder: "Grace Hopper" } },
  submissions: {
    card: { command: "019ad0a0-0000-7000-8000-000000000002", at, device, sensitive: true },
    amount: { command: "019ad0a0-0000-7000-8000-000000000003", at, device },
  },
  drafts: {},
  device,
  startedAt: at,
  updatedAt: at,
  expiresAt: at,
  endedAt: null,
  result: null,
});

test.for(ciphers)("a session comes back as it was, and its size is known, if %s is sealed", ([, cipher]) => {
  // What is hidden is sealed, or not written.
  for (const hidden of cipher.scope === "nothing" ? [{}] : [{}, { command: { secret: note } }]) {
    const snapshot = snapshotOf();
    const stored = { snapshot, hidden, drafted: null, receiptKey: Buffer.alloc(16, 1) };
    const decoded = decodeState(cipher, snapshot, encodeState(cipher, stored));
    expect(decoded).toEqual(stored);

    // What is sent never counts less, and what is not sent does not count.
    const exact = Buffer.byteLength(JSON.stringify(snapshot));
    for (const known of [jsonBytes(snapshot), jsonBytes(decoded.snapshot)]) {
      expect(known).toBeGreaterThanOrEqual(exact);
      expect(known).toBeLessThan(exact + 300);
    }
  }
});
