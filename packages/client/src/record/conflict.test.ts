import { defineFlow, step, type Json } from "@sessions/core";
import { expect, test } from "vitest";
import { z } from "zod";
import { conflictingFields } from "./conflict.ts";
import type { StoredShelvedChange } from "./record.ts";

const cents = z.string().transform((euros, context) => {
  const amount = Number(euros.replace(",", "."));
  if (Number.isNaN(amount)) context.addIssue("No amount.");
  return Math.round(amount * 100);
});
const flow = defineFlow({
  name: "typed",
  version: 1,
  steps: {
    amount: step({ input: z.object({ cents, note: z.string().trim().optional(), other: z.string().optional() }) }),
  },
});

const theirs = { cents: "12,50", note: "Rent" };
const snapshot = { data: { amount: { cents: 1250, note: "Rent" } }, inputs: { amount: theirs }, drafts: {} };

function shelved(kind: "submit" | "draft", mine: Json, base: Json | null = null): StoredShelvedChange {
  const refusal = { code: "conflict" as const, step: "amount", changed: ["amount"], theirs };
  return { id: "", kind, step: "amount", refusal, base, mine };
}

test("S3: a conflict shows base, mine and theirs as they were typed", () => {
  const base = { cents: "1,00" };
  expect(conflictingFields(flow, shelved("submit", { cents: "13,5", note: "Rent" }, base), snapshot)).toEqual({
    cents: { base: "1,00", mine: "13,5", theirs: "12,50" },
  });
});

test("S3: what means the same differs in nothing, however it is typed", () => {
  expect(conflictingFields(flow, shelved("submit", { cents: "12.50", note: " Rent" }), snapshot)).toEqual({});
  expect(conflictingFields(flow, shelved("draft", { cents: "12.5" }), snapshot)).toEqual({});
  expect(Object.keys(conflictingFields(flow, shelved("submit", { cents: "12.5", note: "Food" }), snapshot))).toEqual([
    "note",
  ]);
  expect(Object.keys(conflictingFields(flow, shelved("draft", { cents: "12.5", note: "Food" }), snapshot))).toEqual([
    "note",
  ]);
});

test("S3: what is not valid yet, or was emptied, is compared as it is", () => {
  const half = { cents: { base: undefined, mine: "12,x", theirs: "12,50" } };
  expect(conflictingFields(flow, shelved("draft", { cents: "12,x" }), snapshot)).toEqual(half);
  const emptied = shelved("draft", { cents: "12.5", note: undefined });
  expect(Object.keys(conflictingFields(flow, emptied, snapshot))).toEqual(["note"]);
  expect(Object.keys(conflictingFields(flow, shelved("submit", { cents: "12.5" }), snapshot))).toEqual(["note"]);
});

test("S3: where nothing stands, everything that is there differs", () => {
  expect(
    Object.keys(conflictingFields(flow, shelved("submit", { cents: "1" }), { data: {}, inputs: {}, drafts: {} })),
  ).toEqual(["cents"]);
  expect(conflictingFields(flow, { ...shelved("submit", null), kind: "cancel", step: null }, snapshot)).toEqual({});
});
