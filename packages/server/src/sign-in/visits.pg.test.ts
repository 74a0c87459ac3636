import { afterAll, beforeAll } from "vitest";
import { freshDatabase } from "../testing/postgres.ts";
import { hosts } from "../testing/visits/hosts.ts";
import { visitContract } from "../testing/visits/visit-contract.ts";
import { createSignIns } from "./create-sign-ins.ts";

const { pool } = await freshDatabase();

let passedMs = 0;
const signIns = createSignIns({ database: pool, sweeps: false, now: () => Date.now() + passedMs });
const world = { signIns, advance: (ms: number) => void (passedMs += ms) };

beforeAll(() => signIns.migrate());
afterAll(() => signIns.close());

for (const name of Object.keys(hosts)) visitContract(name, () => world);
