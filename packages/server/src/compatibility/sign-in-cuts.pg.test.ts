import { afterAll, beforeAll, expect, test } from "vitest";
import { repetitions } from "../../../../scripts/repetitions.ts";
import { createKysely } from "../postgres/database.ts";
import { lifetimeOf } from "../sign-in/lifetime.ts";
import type { SignInTables } from "../sign-in/rows/tables.ts";
import type { SignInKeeper } from "../sign-in/keeper/sign-in-keeper.ts";
import type { Token } from "../sign-in/token/token.ts";
import { verifySignIns } from "../sign-in/verify.ts";
import { proxied, type TcpProxy } from "../testing/connections/tcp-proxy.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { countRows, testKeeper } from "../testing/sign-ins.ts";
import { testDatabases } from "./databases.ts";
import { prepareSignIns } from "./sign-in-scenario.ts";

const AT_MOST = 3;
/** All connections are lost at the beginning of each of so many calls. */
const CUT_EVERY = 7;
const ROUNDS = repetitions({ few: 9, many: 60 });

const { pool, url } = await freshDatabase();
let network: { readonly proxy: TcpProxy; readonly url: string };
beforeAll(async () => {
  await prepareSignIns(pool);
  network = await proxied(url);
});
afterAll(() => network?.proxy.close());

/** What a browser knows: its token, and whether it was told that its sign-in has ended. */
interface Browser {
  token: Token;
  readonly publicId: string;
  isEnded: boolean;
}

/** Runs a call that may lose its connection. Undefined if it failed. */
type Work = <T>(run: () => Promise<T>) => Promise<T | undefined>;

/** One owner signs in, asks, rotates and ends, on two nodes that lose their connections. */
class Owner {
  readonly name: string;
  readonly browsers: Browser[] = [];
  readonly #nodes: readonly SignInKeeper[];
  readonly #work: Work;

  constructor(name: string, nodes: readonly SignInKeeper[], work: Work) {
    this.name = name;
    this.#nodes = nodes;
    this.#work = work;
  }

  async round(number: number): Promise<void> {
    const node = this.#nodes[number % this.#nodes.length]!;
    const input = { owner: this.name, factors: ["password"], device: "Firefox", place: null, current: null };
    const begun = await this.#work(() => node.begin(input));
    if (begun?.kind === "begun") {
      this.browsers.push({ token: begun.token, publicId: begun.signIn.publicId, isEnded: false });
    }
    await Promise.all(this.browsers.map((browser) => this.#ask(browser, node)));
    await this.#work(() => node.list(this.name));
    const oldest = this.browsers.find(({ isEnded }) => !isEnded);
    if (oldest === undefined || number % 3 !== 2) return;
    const ended = await this.#work(() => node.end(this.name, oldest.publicId, "revoked"));
    if (ended !== undefined) oldest.isEnded = true;
  }

  async #ask(browser: Browser, node: SignInKeeper): Promise<void> {
    const answer = await this.#work(async () => node.check(browser.token));
    if (answer?.kind === "live" && answer.offer) browser.token = answer.offer;
  }
}

// postgres.js 3.4.9 throws where nobody can catch it when a connection is reset, and waits for seconds before the next one.
const cuttable = Object.entries(testDatabases).filter(([name]) =>
  ["pg, read committed", "pg, repeatable read", "pg, serializable", "pg, pipelined, serializable"].includes(name),
);

test.for(cuttable)(
  "S16, S17, S19: %s: of sign-ins whose connections are lost again and again, none is lost, half-made or alive after its end",
  { timeout: 60_000 },
  async ([name, open]) => {
    const opened = open(network.url);
    let nowMs = Date.UTC(2026, 5, 1);
    const lifetime = lifetimeOf("aal1");
    const atMost = { perOwner: AT_MOST, beyond: "end-oldest" } as const;
    const nodes = [0, 1].map(() =>
      testKeeper(opened.database, { lifetime, now: () => nowMs, elapsedMs: () => nowMs, atMost, report: () => {} }),
    );
    let [works, failures, most] = [0, 0, 0];
    const work: Work = async (run) => {
      works += 1;
      if (works % CUT_EVERY === 0) network.proxy.cut();
      try {
        return await run();
      } catch (error) {
        expect(error).toMatchObject({ code: "database_unreachable" });
        failures += 1;
        return undefined;
      }
    };
    const owners = [0, 1].map((index) => new Owner(`${index} of ${name}`, nodes, work));
    for (let number = 0; number < ROUNDS; number += 1) {
      await Promise.all(owners.map((owner) => owner.round(number)));
      most = Math.max(most, ...(await Promise.all(owners.map((owner) => countRows(pool, owner.name)))));
      // A secret is due in each round, and the overlap of the one before is over.
      nowMs += 3_600_000;
    }
    expect(most).toBeLessThanOrEqual(AT_MOST);
    expect(works / CUT_EVERY).toBeGreaterThan(ROUNDS / 2);

    // A node that has seen nothing of it, on connections that nothing cuts.
    const fresh = testKeeper(pool, { lifetime, now: () => nowMs, atMost });
    const { rows: history } = await fresh.history(owners[0]!.name, { limit: 200 });
    expect(history.length).toBeGreaterThan(ROUNDS);
    for (const { browsers, name: owner } of owners) {
      expect(browsers.length).toBeGreaterThan(0);
      const live = new Set((await fresh.list(owner)).rows.map(({ publicId }) => publicId));
      for (const { token, publicId, isEnded } of browsers) {
        const { kind } = await fresh.check(token);
        if (isEnded) expect(live).not.toContain(publicId);
        expect(kind).toBe(live.has(publicId) ? "live" : "nobody");
        const ending = (await fresh.endOf(token))?.ending ?? "live";
        expect(["live", "revoked", "displaced"]).toContain(ending);
        expect(ending === "live").toBe(live.has(publicId));
      }
    }
    const verified = await verifySignIns(createKysely<SignInTables>(pool).withSchema("sessions"));
    expect(verified).toMatchObject({ broken: null });
    expect(failures).toBeLessThan(works);
    await Promise.all([...nodes, fresh].map((node) => node.close().catch(() => {})));
    await opened.close();
  },
);
