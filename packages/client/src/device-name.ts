interface UserAgentData {
  readonly brands: readonly { readonly brand: string }[];
  readonly platform: string;
}

// The more specific before what they also claim to be.
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
 * What a person calls this device: "Chrome on Linux", "Safari on iPhone". The default of `createSessions`.
 * Two of a person's devices can have the same: add to it to tell them apart.
 *
 * @example
 * createSessions({ flows, url: "/trpc", owner: user.id, deviceName: `${deviceName()} in the kitchen` });
 */
export function deviceName(navigator: Partial<Navigator> = globalThis.navigator ?? {}): string {
  const { userAgent = "" } = navigator;
  // Chromium's own way to say it, which TypeScript's DOM library lacks.
  const data = (navigator as { readonly userAgentData?: UserAgentData }).userAgentData;
  const brand = data?.brands.map((entry) => entry.brand).join(" ") || userAgent;
  const browser = browsers.find(([pattern]) => pattern.test(brand))?.[1] ?? "Browser";
  const platform = data?.platform || userAgent;
  const system = systems.find(([pattern]) => pattern.test(platform))?.[1];
  return system ? `${browser} on ${system}` : browser;
}
