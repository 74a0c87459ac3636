import { PGlite } from "@electric-sql/pglite";
import { createBank, createLedger } from "../bank.ts";
import { fuzz } from "./fuzz.ts";

// pnpm fuzz [seconds] [seed]: a seed that failed fails again.
const [seconds = "60", seed = String(Date.now() % 2 ** 31)] = process.argv.slice(2);
const database = await PGlite.create();
await createBank(database, { sweeps: false }).migrate();
await createLedger({ query: (text) => database.exec(text) });
process.stdout.write(`Fuzzing for ${seconds} s with seed ${seed}\n`);
const { statuses } = await fuzz({ database, runs: 10_000_000, forMs: Number(seconds) * 1_000, seed: Number(seed) });
process.stdout.write(`Nothing found. Answers by status: ${JSON.stringify(Object.fromEntries(statuses))}\n`);
await database.close();
