interface UserAgentData {
  readonly brands: readonly { readonly brand: string }[];
  readonly platform: string;
}

// Many browsers also name another browser in their user agent. The more specific names come first.
const browsers = [
  [/Edg/, "Edge"],
  [/OPR|Opera/, "Opera"],
  [/Firefox|FxiOS/, "Firefox"],
  [/Chrom|CriOS/, "Chrome"],
  [/Safari/, "Safari"],
] as const;

const systems = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/Mac|macOS/, "Mac"],
  [/Win/, "Windows"],
  [/CrOS/, "ChromeOS"],
  [/Linux/, "Linux"],
] as const;

/**
 * The name of this device for people: "Chrome on Linux", "Safari on iPhone". It is the default of `createSessionsClient`. Two
 * devices of a person can have the same name: add a word to tell them apart.
 *
 * @example
 * createSessionsClient({ flows, url: "/trpc", owner: user.id, deviceName: `${deviceName()} in the kitchen` });
 */
export function deviceName(navigator: Partial<Navigator> = globalThis.navigator ?? {}): string {
  const { userAgent = "" } = navigator;
  // Only Chromium has this, and TypeScript's DOM library lacks it.
  const data = (navigator as { readonly userAgentData?: UserAgentData }).userAgentData;
  const brand = data?.brands.map((entry) => entry.brand).join(" ") || userAgent;
  const browser = browsers.find(([pattern]) => pattern.test(brand))?.[1] ?? "Browser";
  const platform = data?.platform || userAgent;
  const system = systems.find(([pattern]) => pattern.test(platform))?.[1];
  return system ? `${browser} on ${system}` : browser;
}
