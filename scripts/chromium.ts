import chromium from "@sparticuz/chromium";

/** Which Chromium the browser tests drive, and how it is started. */
export interface ChromiumChoice {
  /** Undefined: Playwright looks for its own browser, or for an installed Chrome (`channel`). */
  readonly executablePath?: string;
  readonly channel?: "chrome";
  readonly args: string[];
}

// The browser stays silent towards the network, and must start in a container too.
const quiet = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
  "--no-first-run",
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
];

/**
 * A real Chromium from npm on Linux x64, so that a fresh machine needs nothing else; elsewhere Playwright's
 * own browser, or an installed Chrome when `CHROMIUM=chrome` is set.
 */
export async function chooseChromium(): Promise<ChromiumChoice> {
  if (process.env["CHROMIUM"] === "chrome") return { channel: "chrome", args: quiet };
  if (process.platform !== "linux" || process.arch !== "x64") return { args: quiet };
  return { executablePath: await chromium.executablePath(), args: quiet };
}
