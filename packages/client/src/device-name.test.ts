import { expect, test } from "vitest";
import { deviceName } from "./device-name.ts";

const agents = {
  "Chrome on Linux":
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
  "Edge on Windows":
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
  "Firefox on Windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
  "Safari on Mac":
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
  "Safari on iPhone":
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
  "Chrome on Android":
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
};

test.each(Object.entries(agents))("%s is known by its user agent", (name, userAgent) => {
  expect(deviceName({ userAgent })).toBe(name);
});

test("the browser's own brands and platform come first", () => {
  const userAgentData = {
    brands: [{ brand: "Not;A=Brand" }, { brand: "Chromium" }, { brand: "Microsoft Edge" }],
    platform: "macOS",
  };
  expect(deviceName({ userAgent: agents["Chrome on Linux"], userAgentData } as Partial<Navigator>)).toBe("Edge on Mac");
});

test("what cannot be told is left out", () => {
  expect(deviceName({ userAgent: "curl/8" })).toBe("Browser");
});
