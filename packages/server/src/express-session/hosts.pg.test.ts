import { afterAll, expect, test } from "vitest";
import { freshDatabase } from "../testing/postgres.ts";
import { CookieJar, sessionHosts } from "../testing/web-sessions/session-hosts.ts";
import { promised } from "../testing/web-sessions/web-sessions.ts";
import { SessionsStore } from "./sessions-store.ts";

const { pool } = await freshDatabase();
const stores: SessionsStore[] = [];
afterAll(() => Promise.all(stores.map((store) => store.close())));

function newStore(namespace: string): SessionsStore {
  const store = new SessionsStore({ database: pool, namespace, sweeps: false });
  stores.push(store);
  return store;
}

/** Gates at which requests wait, and what opens them. */
function gates() {
  const arrived = new Map<string, PromiseWithResolvers<void>>();
  const opened = new Map<string, PromiseWithResolvers<void>>();
  const at = (map: typeof arrived, name: string) => {
    if (!map.has(name)) map.set(name, Promise.withResolvers());
    return map.get(name)!;
  };
  return {
    gate: (name: string) => {
      at(arrived, name).resolve();
      return at(opened, name).promise;
    },
    arrival: (name: string) => at(arrived, name).promise,
    open: (name: string) => at(opened, name).resolve(),
  };
}

test.for(Object.entries(sessionHosts))("in %s, requests of two nodes at once merge", async ([name, start]) => {
  const { gate, arrival, open } = gates();
  const nodes = await Promise.all([start(newStore(name), gate), start(newStore(name), gate)]);
  const [one, two] = nodes;
  const jar = new CookieJar();
  await jar.ask(`${one.url}/set/first/1`);
  const cookie = jar.cookie;
  const slow = jar.ask(`${one.url}/set/slow/1?gate=slow`);
  await arrival("slow");
  await Promise.all(Array.from({ length: 8 }, (_, index) => jar.ask(`${nodes[index % 2]!.url}/set/quick${index}/1`)));
  open("slow");
  expect((await slow).status).toBe(200);
  const { session } = await jar.ask(`${two.url}/get`);
  const quick = Array.from({ length: 8 }, (_, index) => `quick${index}`);
  expect(new Set(Object.keys(session))).toEqual(new Set(["cookie", "first", "slow", ...quick]));
  expect(jar.cookie).toBe(cookie);
  await Promise.all(nodes.map(({ stop }) => stop()));
});

test.for(Object.entries(sessionHosts))(
  "in %s, a request under way brings back no session that another node destroyed or replaced",
  async ([name, start]) => {
    for (const end of ["destroy", "new"]) {
      const { gate, arrival, open } = gates();
      const store = newStore(`${name} ${end}`);
      const nodes = await Promise.all([start(store, gate), start(newStore(`${name} ${end}`), gate)]);
      const [one, two] = nodes;
      const jar = new CookieJar();
      await jar.ask(`${one.url}/set/user/ada`);
      const before = Object.assign(new CookieJar(), { cookie: jar.cookie });
      const slow = before.ask(`${one.url}/set/slow/1?gate=slow`);
      await arrival("slow");
      await jar.ask(`${two.url}/${end}`);
      open("slow");
      await slow;
      const { session } = await before.ask(`${one.url}/get`);
      expect(session).not.toHaveProperty("user");
      expect(session).not.toHaveProperty("slow");
      expect(Object.values(await promised(store).all()).filter(({ user, slow: late }) => user || late)).toEqual([]);
      await Promise.all(nodes.map(({ stop }) => stop()));
    }
  },
);

test.for(Object.entries(sessionHosts))("in %s, a session that is only read is kept alive", async ([name, start]) => {
  let nowMs = Date.now();
  const options = { database: pool, namespace: `${name} alive`, sweeps: false, now: () => nowMs };
  const store = new SessionsStore(options);
  const host = await start(store);
  const jar = new CookieJar();
  await jar.ask(`${host.url}/set/user/ada`);
  const deadline = async () => {
    const { rows } = await pool.query<{ ms: string }>(
      "select extract(epoch from expires_at) * 1000 as ms from sessions.web_session where namespace = $1",
      [options.namespace],
    );
    return Number(rows[0]!.ms);
  };
  // As if the session had been written two minutes ago.
  await pool.query(
    "update sessions.web_session set expires_at = expires_at - interval '2 minutes' where namespace = $1",
    [options.namespace],
  );
  const before = await deadline();
  nowMs += 1;
  expect((await jar.ask(`${host.url}/get`)).session).toMatchObject({ user: "ada" });
  expect((await deadline()) - before).toBeGreaterThanOrEqual(119_000);
  await host.stop();
  await store.close();
});
