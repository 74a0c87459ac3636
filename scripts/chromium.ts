import chromium from "@sparticuz/chromium";

/** The Chromium that the browser tests drive, and how it is started. */
export interface ChromiumChoice {
  /** Undefined: Playwright looks for its own browser, or for an installed Chrome (`channel`). */
  readonly executablePath?: string;
  readonly channel?: "chrome";
  readonly args: string[];
}

// The browser sends no requests of its own, and must start in a container too.
const quiet = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
  "--no-first-run",
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
];

/**
 * Chooses a real Chromium from npm on Linux x64, so that a new machine needs nothing else. On other systems it chooses
 * Playwright's own browser, or an installed Chrome if `CHROMIUM=chrome` is set.
 */
export async function chooseChromium(): Promise<ChromiumChoice> {
  if (process.env["CHROMIUM"] === "chrome") return { channel: "chrome", args: quiet };
  if (process.platform !== "linux" || process.arch !== "x64") return { args: quiet };
  return { executablePath: await chromium.executablePath(), args: quiet };
}
