import { fileURLToPath } from "node:url";
import { openDatabase } from "../src/server/database.ts";
import { fillTwoYears } from "./two-years/two-years.ts";

// Fills the database of the example: DATABASE_URL, or the PGlite in DATA_DIRECTORY. Stop the bank first if it uses PGlite.
const { DATABASE_URL, DATA_DIRECTORY, TRANSFERS = "5000" } = process.env;
const transfers = Number(TRANSFERS);
if (!Number.isSafeInteger(transfers) || transfers < 1) throw new Error("TRANSFERS must be a whole number.");
const data = DATA_DIRECTORY ?? fileURLToPath(new URL("../.data", import.meta.url));
const database = await openDatabase(DATABASE_URL, data);
const beganMs = performance.now();
const onProgress = (sentence: string) =>
  process.stdout.write(`${Math.round((performance.now() - beganMs) / 1_000)} s: ${sentence}\n`);
await fillTwoYears(database, { transfers, endMs: Date.now(), random: Math.random, onProgress });
await database.close();
process.stdout.write("Done: start the bank, and open /operators.\n");
