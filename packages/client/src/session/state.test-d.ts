import { defineFlow, step, type Json } from "@sessions/core";
import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import type { Conflict, SessionState, ShelvedChange } from "./state.ts";
import type { DraftHandle, SubmissionHandle } from "./submission.ts";

const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    amount: step({
      input: z.object({ cents: z.int(), day: z.string().transform((day) => day.length), any: z.coerce.string() }),
    }),
    recipient: step({ input: z.object({ name: z.string() }) }),
  },
});
type Transfer = typeof transfer;

test("a conflict's step says what base, mine and theirs are, as a whole and by field", () => {
  const conflict = {} as Conflict<Transfer>;
  if (conflict.step === "recipient" && conflict.kind === "submit") {
    expectTypeOf(conflict.base).toEqualTypeOf<{ name: string } | null>();
    expectTypeOf(conflict.mine.name).toEqualTypeOf<string>();
    expectTypeOf(conflict.theirs).toEqualTypeOf<{ name: string } | null>();
    expectTypeOf(conflict.fields.name!.mine).toEqualTypeOf<string | undefined>();
    expectTypeOf(conflict.fields.name!.theirs).toEqualTypeOf<string | undefined>();
    expectTypeOf(conflict.merge).toBeCallableWith({ name: "Ada" });
    // @ts-expect-error Not what the step takes.
    conflict.merge({ name: 1 });
    expectTypeOf(conflict.keepMine()).toEqualTypeOf<SubmissionHandle>();
    expectTypeOf(conflict.takeTheirs()).toEqualTypeOf<Promise<void>>();
    // @ts-expect-error Another step's field.
    void conflict.fields.cents;
  }
  if (conflict.step === "amount" && conflict.kind === "submit") {
    // What a person hands in, here or elsewhere, is not what the schema makes of it.
    expectTypeOf(conflict.mine.day).toEqualTypeOf<string>();
    expectTypeOf(conflict.mine.any).toEqualTypeOf<unknown>();
    expectTypeOf(conflict.base!.day).toEqualTypeOf<string>();
    expectTypeOf(conflict.theirs!.day).toEqualTypeOf<string>();
    expectTypeOf(conflict.fields.day!.theirs).toEqualTypeOf<string | undefined>();
  }
  if (conflict.step === "recipient" && conflict.kind === "draft") {
    // A draft may be invalid, and have some of the fields.
    expectTypeOf(conflict.mine.name).toEqualTypeOf<Json | undefined>();
    expectTypeOf(conflict.keepMine()).toEqualTypeOf<DraftHandle>();
    expectTypeOf(conflict.theirs).toEqualTypeOf<{ name: string } | null>();
  }
});

test("what is shelved is a conflict with its ways out, or a refusal with others", () => {
  const shelved = {} as ShelvedChange<Transfer>;
  if (shelved.type === "conflict") expectTypeOf(shelved.step).toEqualTypeOf<"amount" | "recipient">();
  else {
    expectTypeOf(shelved.step).toEqualTypeOf<"amount" | "recipient" | null>();
    expectTypeOf(shelved.retry()).toEqualTypeOf<SubmissionHandle | DraftHandle>();
    // @ts-expect-error A refusal has nothing to merge with.
    void shelved.merge;
  }
});

test("a state says what it has by its status", () => {
  const state = {} as SessionState<Transfer>;
  if (state.status === "loading" || state.status === "missing") {
    expectTypeOf(state.startedAt).toEqualTypeOf<null>();
    expectTypeOf(state.device).toEqualTypeOf<null>();
  } else expectTypeOf(state.expiresAt).toEqualTypeOf<string>();
  if (state.status === "active") expectTypeOf(state.endedAt).toEqualTypeOf<null>();
  if (state.status === "expired") expectTypeOf(state.endedAt).toEqualTypeOf<string>();
  expectTypeOf(state.data.recipient).toEqualTypeOf<{ name: string } | undefined>();
  expectTypeOf(state.data.amount!.day).toEqualTypeOf<number>();
  expectTypeOf(state.inputs.amount!.day).toEqualTypeOf<string>();
});
