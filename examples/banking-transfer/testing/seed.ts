import { fileURLToPath } from "node:url";
import { openDatabase } from "../src/server/database.ts";
import { fillTwoYears } from "./two-years.ts";

// Fills the database of the example: DATABASE_URL, or the PGlite in DATA_DIRECTORY. Stop the bank first if it uses PGlite.
const { DATABASE_URL, DATA_DIRECTORY, TRANSFERS = "1000" } = process.env;
const transfers = Number(TRANSFERS);
if (!Number.isSafeInteger(transfers) || transfers < 1) throw new Error("TRANSFERS must be a whole number.");
const data = DATA_DIRECTORY ?? fileURLToPath(new URL("../.data", import.meta.url));
const database = await openDatabase(DATABASE_URL, data);
const onProgress = (begun: number) => process.stdout.write(`\r${begun} of ${transfers} transfers`);
await fillTwoYears(database, { transfers, endMs: Date.now(), random: Math.random, onProgress });
await database.close();
process.stdout.write("\nDone: the dashboard is at /operators.\n");
