import { expectTypeOf, test } from "vitest";
import type { SessionsRouter } from "../sessions.ts";
import type { guestProcedures } from "./guest.ts";

test("S21: for every procedure it is decided what a guest gets", () => {
  expectTypeOf<keyof typeof guestProcedures>().toEqualTypeOf<keyof SessionsRouter["_def"]["record"]>();
});
