import { checkShape } from "@sessions/core/shape";
import { expect, test } from "vitest";
import recorded from "../flow-shapes.json" with { type: "json" };
import { transfer } from "./flow.ts";

test("S12: the flow lifts what people have begun at every version that was released", () => {
  expect(checkShape(transfer, recorded.transfer)).toBeNull();
});
