import { afterAll, beforeAll, onTestFinished } from "vitest";
import { freshDatabase } from "../../../packages/server/src/testing/postgres.ts";
import { startBank, type BankServer } from "./bank-server.ts";
import { openProfile, type BrowserProfile } from "./browsers/browser-profile.ts";

export interface RunningBank {
  readonly url: string;
  /** Opens a profile for the running test alone. */
  profile(options?: Parameters<typeof openProfile>[1]): Promise<BrowserProfile>;
}

/** A bank on a PostgreSQL database of its own, for all tests of a file. Call it at the file's top level. */
export async function runBank(): Promise<RunningBank> {
  const database = await freshDatabase();
  let server: BankServer;

  beforeAll(async () => {
    server = await startBank(database.url);
  });
  afterAll(() => server?.remove());

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
