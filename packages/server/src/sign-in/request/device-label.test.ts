import fc from "fast-check";
import { expect, test } from "vitest";
import { deviceLabel } from "./device-label.ts";

const chromium = (system: string, more = "") =>
  `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36${more}`;
const webkit = (system: string, browser: string) =>
  `Mozilla/5.0 (${system}) AppleWebKit/605.1.15 (KHTML, like Gecko) ${browser} Safari/604.1`;
const phone = "iPhone; CPU iPhone OS 18_6 like Mac OS X";

test.each([
  ["Chrome on Windows", chromium("Windows NT 10.0; Win64; x64")],
  ["Chrome on Android", chromium("Linux; Android 10; K")],
  ["Chrome on ChromeOS", chromium("X11; CrOS x86_64 14541.0.0")],
  ["Edge on Windows", chromium("Windows NT 10.0; Win64; x64", " Edg/140.0.0.0")],
  ["Opera on Linux", chromium("X11; Linux x86_64", " OPR/120.0.0.0")],
  ["Firefox on Linux", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],
  ["Safari on Mac", webkit("Macintosh; Intel Mac OS X 10_15_7", "Version/18.6")],
  ["Safari on iPhone", webkit(phone, "Version/18.6 Mobile/15E148")],
  ["Safari on iPad", webkit("iPad; CPU OS 18_6 like Mac OS X", "Version/18.6 Mobile/15E148")],
  ["Chrome on iPhone", webkit(phone, "CriOS/140.0.0.0 Mobile/15E148")],
  ["Firefox on iPhone", webkit(phone, "FxiOS/140.0 Mobile/15E148")],
  ["Browser", "curl/8.5.0"],
  ["Browser", ""],
])("%s is read from its user agent", (label, userAgent) => {
  expect(deviceLabel(new Headers({ "user-agent": userAgent }))).toBe(label);
});

test("client hints tell what the user agent hides", () => {
  const headers = new Headers({
    "user-agent": chromium("Windows NT 10.0; Win64; x64"),
    "sec-ch-ua": '"Brave";v="140", "Not=A?Brand";v="24", "Chromium";v="140"',
    "sec-ch-ua-platform": '"macOS"',
  });
  expect(deviceLabel(headers)).toBe("Brave on Mac");
});

test("a request without a user agent has a label", () => {
  expect(deviceLabel(new Headers())).toBe("Browser");
});

test("no text of the request is in its label", () => {
  const texts = fc.string({ minLength: 3, maxLength: 40 }).map((text) => `zqx${text.replaceAll(/[^ -~]/g, "")}`);
  fc.assert(
    fc.property(texts, texts, texts, (text, hint, platform) => {
      for (const userAgent of [text, `${text}/1 (${text})`, chromium(text), `${text}/1.0 `]) {
        const headers = { "user-agent": userAgent, "sec-ch-ua": `"${hint}"`, "sec-ch-ua-platform": `"${platform}"` };
        expect(deviceLabel({ get: (name) => headers[name as keyof typeof headers] ?? null })).not.toContain("zqx");
      }
    }),
  );
});

test("a user agent of any length has a label at once", () => {
  for (const userAgent of ["a/".repeat(100_000), "(".repeat(100_000), `Mozilla/5.0 ${" ".repeat(100_000)}`]) {
    const startMs = performance.now();
    expect(deviceLabel({ get: (name) => (name === "user-agent" ? userAgent : null) })).toBe("Browser");
    expect(performance.now() - startMs).toBeLessThan(1_000);
  }
});
