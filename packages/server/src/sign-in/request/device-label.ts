import { BROWSER_MAP, parse, type ParsedResult } from "bowser";
import type { RequestHeaders } from "./request-head.ts";

/** Longer than any browser's. */
const MAX_USER_AGENT = 512;

/** Names of Chromium browsers that only the client hints tell, and the names of bowser that people know as others. */
const brands = ["Brave", "Vivaldi", "Opera", "Microsoft Edge"] as const;
const shortNames: Readonly<Record<string, string>> = {
  "Microsoft Edge": "Edge",
  "Samsung Internet for Android": "Samsung Internet",
  "Android Browser": "Browser",
  Chromium: "Chrome",
  macOS: "Mac",
  "Chrome OS": "ChromeOS",
};

const known: ReadonlySet<string> = new Set(Object.values(BROWSER_MAP));
const systems: readonly string[] = ["Windows", "macOS", "iOS", "Android", "Chrome OS", "Linux"];

/**
 * A readable name of the browser that sent a request: "Chrome on Windows", "Safari on iPhone". It holds nothing of the
 * request's own text, so the owner of another browser can't write into this list.
 */
export function deviceLabel(headers: RequestHeaders): string {
  const userAgent = (headers.get("user-agent") ?? "").slice(0, MAX_USER_AGENT);
  const parsed = userAgent === "" ? undefined : parse(userAgent);
  const brand = brands.find((name) => headers.get("sec-ch-ua")?.includes(`"${name}"`));
  const browser = brand ?? (parsed?.browser.name && known.has(parsed.browser.name) ? parsed.browser.name : "Browser");
  const system = systemOf(headers, parsed);
  const name = shortNames[browser] ?? browser;
  return system ? `${name} on ${shortNames[system] ?? system}` : name;
}

function systemOf(headers: RequestHeaders, parsed: ParsedResult | undefined): string | undefined {
  const hint = headers.get("sec-ch-ua-platform")?.replaceAll('"', "");
  const system = systems.find((name) => name === hint) ?? systems.find((name) => name === parsed?.os.name);
  if (system !== "iOS") return system;
  return parsed?.platform.model === "iPad" || parsed?.platform.type === "tablet" ? "iPad" : "iPhone";
}
