// Skipped where no Firefox is installed: `apt-get install firefox-esr`, or its path in FIREFOX.
import { test } from "vitest";
import { installed } from "./testing/browsers/browsers.ts";
import { finishElsewhere } from "./testing/browsers/finish-elsewhere.ts";
import { runBank } from "./testing/running-bank.ts";

const bank = await runBank();
const hasFirefox = (await installed("firefox")) !== undefined;

test.skipIf(!hasFirefox)("S1: a transfer begun in Chromium is finished in Firefox", () =>
  finishElsewhere(bank.url, "chromium", "firefox"),
);
