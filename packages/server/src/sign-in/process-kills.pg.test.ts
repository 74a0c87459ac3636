import { afterAll, beforeAll, expect, test } from "vitest";
import { Fleet } from "../testing/crash/fleet.ts";
import type { WhoIsSignedIn } from "../testing/crash/sign-in-process.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { Random } from "../testing/random.ts";
import { send, type Answered } from "../testing/visits/browser.ts";
import { createSignIns } from "./create-sign-ins.ts";
import { OVERLAP_MS } from "./token/rotation.ts";

const NODES = 3;
const ROUNDS = 2;
const REQUESTS = 40;
const DROPPED = 0.3;
const HOUR_MS = 3_600_000;

const { pool, url } = await freshDatabase();
const fleet = new Fleet(url, "sign-in-process.ts");
const random = new Random(17);
const signIns = createSignIns({ database: pool, sweeps: false });
let nowMs = Date.UTC(2026, 5, 1);

beforeAll(async () => {
  await signIns.migrate();
  await fleet.start(NODES);
});
afterAll(async () => {
  await fleet.close();
  await signIns.close();
});

const own = () => ({ host: "bank.example", "sec-fetch-site": "same-origin", "x-now": String(nowMs) });

/** One request of the browser. Undefined if its node died before it answered. */
async function ask(cookie: string, node = random.pick(fleet.urls)): Promise<Answered | undefined> {
  return send(node, { headers: { ...own(), cookie } }).catch(() => undefined);
}

const ownerOf = ({ body }: Answered) => (JSON.parse(body) as WhoIsSignedIn).owner;
const cookieOf = ({ signInCookies: [cookie] }: Answered) => cookie?.split(";")[0];
const secretOf = (cookie: string) => `${cookie.split(".")[2]} ${cookie.split(".")[4]}`;

/** Asks until a node answers, as a browser does. */
async function askUntilAnswered(cookie: string): Promise<Answered> {
  for (;;) {
    const answered = await ask(cookie);
    if (answered?.status === 200) return answered;
  }
}

/**
 * Sends requests on all nodes at once, and kills one node once some of them are answered. Gives the answers, and the
 * cookies that reach the browser: some answers are lost on the way.
 */
async function askWhileKilling(choose: (index: number) => string) {
  const nodes = fleet.urls;
  const killAfter = random.between(1, REQUESTS / 4);
  const reached = Promise.withResolvers<void>();
  let count = 0;
  const asked = Array.from({ length: REQUESTS }, async (_, index) => {
    const answered = await ask(choose(index), nodes[index % nodes.length]);
    count += 1;
    if (count === killAfter) reached.resolve();
    return answered;
  });
  await reached.promise;
  const killed = fleet.killOne(random);
  const answers = (await Promise.all(asked)).filter((each) => each !== undefined);
  await killed;
  const delivered = answers.filter(() => random.next() >= DROPPED);
  return { answers, cookies: delivered.flatMap((each) => cookieOf(each) ?? []), lost: REQUESTS - answers.length };
}

test("S16: of 40 requests at the instant of rotation on three processes, of which one is killed with SIGKILL, none signs out, all get one successor, and two secrets are live", async () => {
  const begun = await send(random.pick(fleet.urls), { method: "POST", headers: own(), body: { owner: "ada" } });
  let jar = cookieOf(begun)!;
  const held = [jar];
  let lost = 0;
  // More rounds, until a kill came before its answers.
  for (let round = 1; round <= ROUNDS || (lost === 0 && round <= 5 * ROUNDS); round += 1) {
    nowMs += HOUR_MS + OVERLAP_MS;
    // A browser settles on one branch before the next secret is due.
    expect(ownerOf(await askUntilAnswered(jar))).toBe("ada");
    nowMs += 1_000;
    const before = jar;
    const offered = await askWhileKilling(() => before);
    const again = cookieOf(await askUntilAnswered(before));
    const cookies = [...offered.cookies, again!];
    expect(new Set(cookies.map(secretOf)).size).toBe(1);
    jar = random.pick(cookies);
    held.push(jar);

    // The next secret is presented, while requests with the one before are still under way.
    const mixed = await askWhileKilling((index) => (index % 2 === 0 ? before : random.pick(cookies)));
    expect(ownerOf(await askUntilAnswered(jar))).toBe("ada");
    for (const answered of [...offered.answers, ...mixed.answers]) {
      expect(answered.status).toBe(200);
      expect(ownerOf(answered)).toBe("ada");
    }
    expect(new Set([...mixed.cookies, jar].map(secretOf)).size).toBe(1);
    lost += offered.lost + mixed.lost;
  }
  expect(lost).toBeGreaterThan(0);
  expect((await signIns.history("ada")).rows.map(({ kind }) => kind)).toEqual(["signed_in"]);

  // The older ones are right, and end the sign-in: nobody but a thief has them.
  const [current, previous, older] = held.toReversed() as [string, string, string];
  for (const cookie of [current, previous]) expect(ownerOf(await askUntilAnswered(cookie))).toBe("ada");
  expect(ownerOf(await askUntilAnswered(older))).toBeNull();
  for (const cookie of [current, previous]) expect(ownerOf(await askUntilAnswered(cookie))).toBeNull();
});
