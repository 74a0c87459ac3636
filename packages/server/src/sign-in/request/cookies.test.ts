import fc from "fast-check";
import { expect, test } from "vitest";
import { parseToken, tokenText } from "../token/token.ts";
import { cookieValues, MAX_COOKIE_BYTES, setCookie } from "./cookies.ts";
import { presentedToken } from "./presented-token.ts";

const origin = "https://bank.example";
const text = `QWRh.${"A".repeat(22)}.0.${"A".repeat(11)}.${"A".repeat(43)}`;
const request = (headers: Record<string, string> = {}, from: string | null = origin) => ({
  headers: new Headers(headers),
  origin: from,
});
const set = (value: string | null, from = request()) => setCookie(from, { kind: "sign-in", value, maxAgeSeconds: 60 });

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
    expect(cookieValues(request({ cookie: "sign-in=abc" }, local), "sign-in")).toEqual(["abc"]);
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

test("behind a proxy that hides the host a cookie keeps its prefix", () => {
  const local = "http://localhost:3000";
  expect(set("abc", request({ origin }, local))).toMatch(/^__Host-sign-in=/);
  const later = request({ cookie: "sign-in=planted; __Host-sign-in=abc" }, local);
  expect(cookieValues(later, "sign-in")).toEqual(["abc"]);
  expect(set("next", later)).toMatch(/^__Host-sign-in=/);
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
    expect(presentedToken({ headers, origin }), cookie).toBeUndefined();
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
      const found = presentedToken({ headers: { get: (name) => (name === "cookie" ? cookie : null) }, origin });
      if (!found) return;
      expect(tokenText(found.token)).toBe(text);
      expect(cookie.split("__Host-sign-in=").length).toBeGreaterThan(1);
    }),
  );
  expect(parseToken(text)).toBeDefined();
});
