import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { msw } from "msw/vite";
import { configDefaults, defineConfig, type ViteUserConfig } from "vitest/config";
import { chooseChromium } from "./scripts/chromium.ts";
import { MixingSequencer } from "./scripts/sequencer.ts";

const source = {
  resolve: { conditions: ["@sessions/source"] },
  ssr: { resolve: { conditions: ["@sessions/source"] } },
};

// The servers that tests start are compiled once. Workers, and the processes that they start, get this variable.
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("node_modules/.cache/sessions/compiled", import.meta.url));

/** Tests that only `pnpm test:long` runs. */
const long = "**/*.long.*";

/** A process for each file takes twice the time. What a test stubs is put back. */
const sharedProcess = {
  isolate: false,
  setupFiles: "scripts/real-timers.ts",
  restoreMocks: true,
  unstubGlobals: true,
  unstubEnvs: true,
} as const;

const onPostgres = {
  globalSetup: "packages/server/src/testing/global-setup.ts",
  testTimeout: 30_000,
  hookTimeout: 30_000,
} as const;

export default defineConfig(async ({ mode }): Promise<ViteUserConfig> => ({
  test: {
    // See scripts/repetitions.ts.
    provide: { mode },
    // Most of what they wait for is another process.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    sequence: { sequencer: MixingSequencer },
    projects: [
      {
        ...source,
        test: {
          name: "repository",
          include: ["scripts/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        ...source,
        test: {
          name: "pure",
          include: ["packages/*/src/**/*.test.ts", "examples/*/src/**/*.test.ts"],
          exclude: ["**/*.{pg,citus,browser}.test.ts", "packages/simulation/**"],
          ...sharedProcess,
          testTimeout: 30_000,
          typecheck: { enabled: true, include: ["packages/*/src/**/*.test-d.ts"], ignoreSourceErrors: false },
        },
      },
      {
        ...source,
        test: {
          name: "postgres",
          include: ["packages/{server,testing}/src/**/*.pg.test.ts"],
          ...onPostgres,
        },
      },
      {
        ...source,
        test: {
          // What is sent to a distributed Postgres, on a plain one.
          name: "postgres-citus-flags",
          include: [
            "packages/server/src/flows/{sessions,rows/archive,rows/history,configuration/limits,commands/{cache,command-processor},watch/watch}.pg.test.ts",
          ],
          env: { SESSIONS_TEST_DATABASE_KIND: "citus" },
          ...onPostgres,
        },
      },
      {
        ...source,
        test: {
          // Each file needs a cluster, whose address `CITUS_URL` gives. Without it, all tests are skipped by name.
          name: "citus",
          include: ["packages/server/src/**/*.citus.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        ...source,
        test: {
          name: "simulation",
          include: ["packages/simulation/src/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 30_000,
        },
      },
      {
        // The source first, then what vite itself prefers for a browser.
        resolve: { conditions: ["@sessions/source", "module", "browser", "development|production"] },
        // Serves msw's worker.
        plugins: [msw({ mode: "worker-only" })],
        test: {
          name: "browser",
          include: ["{packages,examples}/*/src/**/*.browser.test.{ts,tsx}"],
          testTimeout: 30_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: await chooseChromium() }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
      {
        ...source,
        test: {
          name: "end-to-end",
          include: ["examples/**/*.e2e.test.ts"],
          exclude: mode === "long" ? configDefaults.exclude : [...configDefaults.exclude, long],
          globalSetup: [
            "packages/server/src/testing/global-setup.ts",
            "examples/banking-transfer/testing/global-setup.ts",
          ],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // As long as the browser's own waiting: another page shows a change later than a second on a busy machine.
          expect: { poll: { timeout: 15_000 } },
        },
      },
    ],
  },
}));
