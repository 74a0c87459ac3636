import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { afterAll, expect, test } from "vitest";
import { freshDatabase } from "../testing/postgres.ts";
import { createSecondaryStorage } from "./secondary-storage.ts";

const { pool } = await freshDatabase();
let passedMs = 0;
const storage = createSecondaryStorage({ database: pool, sweeps: false, now: () => Date.now() + passedMs });
const other = createSecondaryStorage({ database: pool, sweeps: false });
afterAll(() => Promise.all([storage.close(), other.close()]));

const user = { email: "ada@example.com", password: "correct horse battery" };

/** Two nodes with the real better-auth, and a user. */
async function nodes() {
  const options = (secondaryStorage: typeof storage) => ({
    database: pool,
    secondaryStorage,
    secret: "a secret of tests that has more than 32 characters",
    baseURL: "http://localhost:3000",
    emailAndPassword: { enabled: true },
    session: { updateAge: 0 },
    advanced: { disableOriginCheck: true },
  });
  await (await getMigrations(options(storage))).runMigrations();
  const all = [betterAuth(options(storage)), betterAuth(options(other))] as const;
  await all[0].api.signUpEmail({ body: { ...user, name: "Ada" } });
  return all;
}

test("with better-auth, three sign-ins at once are three in the list, and revoking all leaves none", async () => {
  const [one, two] = await nodes();
  const signIn = async (auth: typeof one) => {
    const { headers } = await auth.api.signInEmail({ body: user, returnHeaders: true });
    return new Headers({
      cookie: headers
        .getSetCookie()
        .map((cookie) => cookie.split(";")[0])
        .join("; "),
    });
  };
  const all = await Promise.all([signIn(one), signIn(two), signIn(one)]);
  // The sign-up is one too.
  expect(await two.api.listSessions({ headers: all[0] })).toHaveLength(4);

  await one.api.revokeOtherSessions({ headers: all[0] });
  expect(await two.api.listSessions({ headers: all[0] })).toHaveLength(1);
  expect(await two.api.getSession({ headers: all[1] })).toBeNull();

  // Refreshes run while all sessions are revoked.
  const refreshes = Array.from({ length: 8 }, (_, index) =>
    (index % 2 ? one : two).api.getSession({ headers: all[0] }),
  );
  await Promise.all([...refreshes, two.api.revokeSessions({ headers: all[0] })]);
  expect(await one.api.getSession({ headers: all[0] })).toBeNull();
  expect(await two.api.listSessions({ headers: all[0] }).catch(() => [])).toEqual([]);
});

test("a refresh under way does not bring a deleted session back, into its row or its list", async () => {
  const session = (token: string) => JSON.stringify({ session: { token, userId: "grace" }, user: {} });
  const listed = (...tokens: string[]) =>
    JSON.stringify(tokens.map((token) => ({ token, expiresAt: Date.now() + 60_000 })));
  for (const token of ["a", "b"]) {
    await storage.set(token, session(token), 60);
    await storage.set("active-sessions-grace", listed(token), 60);
  }
  const [value, list] = [await other.get("a"), await other.get("active-sessions-grace")];
  expect(JSON.parse(list!)).toHaveLength(2);
  await storage.delete("a");
  await other.set("a", value!, 60);
  await other.set("active-sessions-grace", list!, 60);
  expect(await storage.get("a")).toBeNull();
  expect(JSON.parse((await storage.get("active-sessions-grace"))!)).toMatchObject([{ token: "b" }]);
  await storage.delete("b");
  await storage.delete("active-sessions-grace");
  expect(JSON.parse((await storage.get("active-sessions-grace")) ?? "[]")).toEqual([]);
});

test("twenty writers of one list lose no session", async () => {
  const tokens = Array.from({ length: 20 }, (_, index) => `token${index}`);
  await Promise.all(
    tokens.map((token, index) => {
      const list = JSON.stringify([{ token, expiresAt: Date.now() + 60_000 }]);
      return (index % 2 ? storage : other).set("active-sessions-linus", list, 60);
    }),
  );
  const list = JSON.parse((await storage.get("active-sessions-linus"))!) as { token: string }[];
  expect(new Set(list.map(({ token }) => token))).toEqual(new Set(tokens));
});

test("a value is taken once, counted once, and gone at its end", async () => {
  await storage.set("verification:x", "once");
  const taken = await Promise.all(
    Array.from({ length: 50 }, (_, index) => (index % 2 ? storage : other).getAndDelete("verification:x")),
  );
  expect(taken.filter((value) => value !== null)).toEqual(["once"]);
  await storage.set("verification:x", "again", 60);
  expect(await other.get("verification:x")).toBe("again");

  const counts = await Promise.all(
    Array.from({ length: 50 }, (_, index) => (index % 2 ? storage : other).increment("rate", 10)),
  );
  expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  passedMs = 10_001;
  expect(await storage.increment("rate", 10)).toBe(1);
  passedMs = 60_001;
  expect(await storage.get("verification:x")).toBeNull();
  expect(await storage.getAndDelete("verification:x")).toBeNull();
  passedMs = 0;
});

test("a time of revocation never goes back", async () => {
  const key = "revoked-sessions-before-ada";
  await Promise.all([storage.set(key, "2000", 60), other.set(key, "1000", 60)]);
  expect(await storage.get(key)).toBe("2000");
});
