import fc from "fast-check";
import { expect, test } from "vitest";
import { parseToken, tokenText } from "../token/token.ts";
import { cookieNameOf, cookieValues, MAX_COOKIE_BYTES, setCookie } from "./cookies.ts";
import { presentedToken } from "./presented-token.ts";

const origin = "https://bank.example";
const text = `QWRh.${"A".repeat(22)}.0.${"A".repeat(11)}.${"A".repeat(43)}`;
const request = (given: Record<string, string> = {}, from: string | null = origin, isDirect = true) => {
  const headers = new Headers(given);
  const cookieName = cookieNameOf({ headers, origin: from }, { cookieName: "sign-in", isDirect: () => isDirect });
  return { headers, cookieName };
};
const set = (value: string | null, from = request()) => setCookie(from, { kind: "token", value, maxAgeSeconds: 60 });

test("a cookie is for this host and its server alone", () => {
  expect(set("abc")).toBe("__Host-sign-in=abc; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax");
});

test("a cookie is cleared under the attributes with which it was set", () => {
  expect(set(null)).toBe("__Host-sign-in=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax");
});

test.each(["http://localhost", "http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]:3000"])(
  "at %s a cookie goes without its prefix and without Secure",
  (local) => {
    expect(set("abc", request({}, local))).toBe("sign-in=abc; Max-Age=60; Path=/; HttpOnly; SameSite=Lax");
    expect(cookieValues(request({ cookie: "sign-in=abc" }, local), "token")).toEqual(["abc"]);
  },
);

test.each([
  "http://bank.example",
  "https://localhost",
  "http://localhost.bank.example",
  "http://127.0.0.1.bank.example",
  "http://bank.example:80",
  null,
])("at %s a cookie has its prefix and Secure", (from) => {
  expect(set("abc", request({}, from))).toMatch(/^__Host-sign-in=abc;.* Secure;/);
});

test.each<readonly [told: string, headers: Record<string, string>, isDirect: boolean]>([
  ["the connection", {}, false],
  ["Origin", { origin }, true],
  ["Origin", { origin: "https://localhost:3000" }, true],
  ["Origin", { origin: "null" }, true],
  ["the cookie that the browser has", { cookie: "sign-in=planted; __Host-sign-in=abc" }, true],
  ["X-Forwarded-Host", { "x-forwarded-host": "bank.example" }, true],
  ["X-Forwarded-Host", { "x-forwarded-host": "localhost:3000, bank.example" }, true],
  ["X-Forwarded-For", { "x-forwarded-for": "203.0.113.7" }, true],
  ["X-Forwarded-For", { "x-forwarded-for": "127.0.0.1, 203.0.113.7" }, true],
  ["X-Forwarded-For", { "x-forwarded-for": "unknown" }, true],
  ["X-Real-IP", { "x-real-ip": "2001:db8::7" }, true],
  ["X-Forwarded-Proto", { "x-forwarded-proto": "https" }, true],
  ["Forwarded", { forwarded: "for=127.0.0.1" }, true],
  ["Via", { via: "1.1 proxy" }, true],
])(
  "behind a proxy that changes the host to localhost a cookie keeps its prefix, told by %s",
  (_, headers, isDirect) => {
    const local = request(headers, "http://localhost:3000", isDirect);
    expect(set("abc", local)).toMatch(/^__Host-sign-in=abc;.* Secure;/);
    const planted = request({ cookie: "sign-in=planted", ...headers }, "http://localhost:3000", isDirect);
    expect(cookieValues(planted, "token")).toEqual("cookie" in headers ? ["abc"] : []);
  },
);

test("on this machine a proxy of a developer changes no name", () => {
  const headers = {
    origin: "http://localhost:5173",
    "x-forwarded-host": "localhost:5173",
    "x-forwarded-for": "::1, 127.0.0.1, ::ffff:127.0.0.1",
    "x-forwarded-proto": "http",
  };
  expect(set("abc", request(headers, "http://localhost:3000"))).toMatch(/^sign-in=abc;/);
});

test("a cookie that browsers would drop is refused by name, without its value", () => {
  const longest = MAX_COOKIE_BYTES - set("").length;
  expect(set("a".repeat(longest))).toHaveLength(MAX_COOKIE_BYTES);
  expect(() => set("a".repeat(longest + 1))).toThrow(
    /^configuration_invalid: The cookie __Host-sign-in has 4051 bytes/,
  );
  expect(() => set("a".repeat(longest + 1))).not.toThrow(/aaa/);
});

test("no value can add an attribute or a second cookie", () => {
  for (const value of ["a;b", "a; Domain=x", "a\r\nSet-Cookie: b=c", "a,b"]) {
    expect(set(value)).toMatch(/^__Host-sign-in=[\w%=:-]+; Max-Age=60; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
  }
});

test("S18: doubled cookies are nobody, whatever their order", () => {
  for (const cookie of [
    `__Host-sign-in=${text}; __Host-sign-in=${text}`,
    `__Host-sign-in=; __Host-sign-in=${text}`,
    `__Host-sign-in=${text};__Host-sign-in=x`,
    `__Host-sign-in=${text}; a=b; __Host-sign-in=${text}`,
  ]) {
    expect(presentedToken(request({ cookie })), cookie).toBeUndefined();
  }
});

test("the cookies of other names do not matter", () => {
  for (const cookie of [
    `__Host-sign-in=${text}`,
    `theme=dark; __Host-sign-in=${text}`,
    `__Host-sign-in=${text};theme=a=b`,
    `;;; ;__Host-sign-in=${text};`,
    `x__Host-sign-in=y; __Host-sign-in=${text}; __Host-sign-in2=y; sign-in=${text}`,
  ]) {
    expect(presentedToken(request({ cookie }))?.carrier, cookie).toBe("cookie");
  }
});

test("S18: a cookie that is written in another way is nobody", () => {
  for (const cookie of [
    `sign-in=${text}`,
    `__host-sign-in=${text}`,
    `__Host-sign-in =${text}`,
    `__Host-sign-in= ${text}`,
    `__Host-sign-in="${text}"`,
    `__Host-sign-in=${text} `,
    `__Host-sign-in=${text},__Host-sign-in=${text}`,
    `__Host-sign-in=${text.replace(".", "%2E")}`,
    `__Host-sign-in`,
    "",
  ]) {
    // `Headers` trims; Node's own headers do not.
    const headers = { get: (name: string) => (name === "cookie" ? cookie : null) };
    expect(presentedToken({ headers, cookieName: "__Host-sign-in" }), cookie).toBeUndefined();
  }
});

test("a bearer token comes before a cookie, and another scheme or text is none", () => {
  expect(presentedToken(request({ authorization: `Bearer ${text}` }))?.carrier).toBe("bearer");
  expect(presentedToken(request({ authorization: `bearer  ${text}`, cookie: "__Host-sign-in=x" }))?.carrier).toBe(
    "bearer",
  );
  for (const authorization of [
    "Bearer",
    "Bearer ",
    `Basic ${text}`,
    `Bearer ${text} ${text}`,
    `Bearer${text}`,
    "Bearer x",
  ]) {
    expect(presentedToken(request({ authorization }))).toBeUndefined();
    expect(presentedToken(request({ authorization, cookie: `__Host-sign-in=${text}` }))?.carrier).toBe("cookie");
  }
});

test("S18: no header of any text is more than a token or nobody", () => {
  const part = fc.constantFrom(
    "__Host-sign-in=",
    "__Host-sign-in",
    text,
    ";",
    "; ",
    "=",
    ".",
    '"',
    "a",
    text.slice(0, 40),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const cookie = parts.join("");
      const found = presentedToken({
        headers: { get: (name) => (name === "cookie" ? cookie : null) },
        cookieName: "__Host-sign-in",
      });
      if (!found) return;
      expect(tokenText(found.token)).toBe(text);
      expect(cookie.split("__Host-sign-in=").length).toBeGreaterThan(1);
    }),
  );
  expect(parseToken(text)).toBeDefined();
});
