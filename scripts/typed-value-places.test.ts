import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { events, places, placesAfter, type TypedEvent } from "../packages/client/src/record/typed-value-places.ts";
import { root } from "./repository.ts";

test("ARCHITECTURE.md shows the table of what becomes of what is typed", () => {
  const columns = Object.keys(places);
  const rows = Object.entries(placesAfter).map(([event, row]) => [
    events[event as TypedEvent],
    ...Object.entries(row).map(([place, outcome]) => (outcome === place ? "stays" : outcome)),
  ]);
  const lines = [["", ...columns], ["", ...columns].map(() => "---"), ...rows].map(
    (cells) => `| ${cells.join(" | ")} |`,
  );
  const page = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  expect(page).toContain(lines.join("\n").replace("|  |", "| |"));
});
