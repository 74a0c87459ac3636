import { rm } from "node:fs/promises";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { buildPages, startBank, type BankServer } from "./bank-server.ts";
import { openProfile, type BrowserProfile } from "./browser-profile.ts";

export interface RunningBank {
  readonly url: string;
  /** Opens a profile for the running test alone. */
  profile(options?: Parameters<typeof openProfile>[1]): Promise<BrowserProfile>;
}

/** A bank on PGlite for all tests of a file. */
export function runBank(): RunningBank {
  let pages: string;
  let server: BankServer;

  beforeAll(async () => {
    pages = await buildPages();
    server = await startBank(pages);
  });
  // Each by itself, and each only if it came to be: a failed start leaves nothing behind either.
  afterAll(() => server?.remove());
  afterAll(() => pages && rm(pages, { recursive: true, force: true }));

  return {
    get url() {
      return server.url;
    },
    async profile(options) {
      const opened = await openProfile(server.url, options);
      onTestFinished(() => opened.close());
      return opened;
    },
  };
}
