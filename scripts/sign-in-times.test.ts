import { expect, test } from "vitest";
import { GRACE_MS, HANG_MS, OLD_BRANCH_MS, OVERLAP_MS } from "../packages/server/src/sign-in/token/rotation.ts";
import { read } from "./repository.ts";

const page = read("docs/sign-ins/sign-in-security.md");
const MINUTE_MS = 60_000;

test.each([
  ["| overlap | %d minutes |", OVERLAP_MS],
  ["| grace | %d minutes |", GRACE_MS],
  ["| a request on its way | up to %d minutes |", HANG_MS],
  ["is then accepted for %d minutes only", OLD_BRANCH_MS],
  ["| %d minutes after the next rotation |", OVERLAP_MS + GRACE_MS],
  ["| %d minutes after the next rotation, or", OVERLAP_MS + OLD_BRANCH_MS],
  [", or %d minutes if the person sends nothing", OVERLAP_MS + OLD_BRANCH_MS + 2 * HANG_MS],
])("docs/sign-ins/sign-in-security.md gives the times of the code: %s", (text, ms) => {
  expect(page).toContain(text.replace("%d", String(ms / MINUTE_MS)));
});
