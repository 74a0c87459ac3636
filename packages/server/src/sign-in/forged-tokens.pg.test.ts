import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { SessionsError } from "@sessions/core/internal";
import { freshDatabase } from "../testing/postgres.ts";
import { Browser, send, type Answered } from "../testing/visits/browser.ts";
import { hosts } from "../testing/visits/hosts.ts";
import { createSignIns } from "./create-sign-ins.ts";

const { pool } = await freshDatabase();
const faults: SessionsError[] = [];
const signIns = createSignIns({ database: pool, sweeps: false, onError: (fault) => void faults.push(fault) });
const consoles = (["log", "info", "warn", "error", "debug"] as const).map((method) => vi.spyOn(console, method));

beforeAll(() => signIns.migrate());
afterAll(() => signIns.close());

const fields = ["owner", "id", "generation", "branch", "secret"] as const;

/** What stands in a field in place of its own text. `foreign` is the same field of another owner's token. */
const changes: Readonly<Record<string, (own: string, foreign: string) => string>> = {
  forged: (own) => (/^\d+$/.test(own) ? String(Number(own) + 1) : `${own.startsWith("Q") ? "R" : "Q"}${own.slice(1)}`),
  foreign: (own, foreign) => (own === foreign ? "7" : foreign),
  cut: (own) => own.slice(1),
  doubled: (own) => own + own,
  overlong: (own) => own.padEnd(4_000, "A"),
  "in another alphabet": (own) => `${own}=`,
  empty: () => "",
};

/** Texts in which the fields are right, and their number or the characters around them are not. */
const wholes: Readonly<Record<string, (own: string, foreign: string) => string>> = {
  "without its last field": (own) => own.split(".").slice(0, 4).join("."),
  "with a field more": (own) => `${own}.AAAA`,
  "joined with another one": (own, foreign) => `${own}.${foreign}`,
  "in another order": (own) => own.split(".").toReversed().join("."),
  "with a space": (own) => own.replace(".", ". "),
  percent: (own) => own.replace(".", "%2E"),
};

function wrongTokens(own: string, foreign: string): readonly (readonly [name: string, text: string])[] {
  const [parts, others] = [own.split("."), foreign.split(".")];
  return [
    ...fields.flatMap((field, index) =>
      Object.entries(changes).map(([name, change]) => {
        const text = change(parts[index]!, others[index]!);
        return [`${field}, ${name}`, parts.with(index, text).join(".")] as const;
      }),
    ),
    ...Object.entries(wholes).map(([name, change]) => [name, change(own, foreign)] as const),
  ];
}

/** Changes of the branch alone that are well-formed: the secret is right, so they are copies of the token. */
const copies = ["branch, forged", "branch, foreign"];

const ownerIn = ({ body }: Answered) =>
  body === "" ? undefined : (JSON.parse(body) as { owner: string | null }).owner;

test.each(Object.keys(hosts))(
  "S18: in a %s host a token with any forged field is nobody, ends nothing and is not logged",
  async (name) => {
    const host = await hosts[name]!(signIns);
    const [ada, eve] = [new Browser(host.url), new Browser(host.url)];
    await ada.signIn(`ada-${name}`);
    await eve.signIn(`eve-${name}`);
    const own = ada.token!;
    const me = (headers: Readonly<Record<string, string>>) =>
      send(`${host.url}/me`, { headers: { host: "bank.example", ...headers } });
    for (const [wrong, text] of wrongTokens(own, eve.token!)) {
      const byCookie = await me({ cookie: `__Host-sign-in=${text}` });
      const byBearer = await me({ authorization: `Bearer ${text}` });
      for (const answered of [byCookie, byBearer]) {
        const expected = copies.includes(wrong) ? [503, undefined] : [200, null];
        const owner = answered.status === 200 ? ownerIn(answered) : undefined;
        expect([answered.status, owner], wrong).toEqual(expected);
        expect([answered.signInCookies, answered.headers["sign-in-token"]], wrong).toEqual([[], undefined]);
      }
      // A bearer token that is none hides no cookie, and a forged one is never the cookie's owner.
      const both = await me({ authorization: `Bearer ${text}`, cookie: `__Host-sign-in=${own}` });
      expect([undefined, null, `ada-${name}`], wrong).toContain(both.status === 200 ? ownerIn(both) : undefined);
    }
    for (const cookie of [
      `__Host-sign-in=${own}; __Host-sign-in=${own}`,
      `__Host-sign-in=${own}; __Host-sign-in=${eve.token!}`,
      `__Host-sign-in=; __Host-sign-in=${own}`,
      `sign-in=${own}`,
    ]) {
      expect(ownerIn(await me({ cookie })), cookie.slice(0, 20)).toBeNull();
    }
    expect(ownerIn(await me({ authorization: `Bearer ${own}, Bearer ${own}` }))).toBeNull();
    expect(ownerIn(await me({ authorization: `Bearer ${eve.token!}`, cookie: ada.cookie }))).toBe(`eve-${name}`);
    for (const [browser, owner] of [
      [ada, "ada"],
      [eve, "eve"],
    ] as const) {
      expect(ownerIn(await browser.send("/me"))).toBe(`${owner}-${name}`);
      const { rows } = await signIns.history(`${owner}-${name}`);
      expect(rows.map(({ kind }) => kind)).toEqual(["signed_in"]);
    }
    await host.stop();
    expect([faults, consoles.flatMap(({ mock }) => mock.calls)]).toEqual([[], []]);
  },
);
