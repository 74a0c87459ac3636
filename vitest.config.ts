import { defineConfig } from "vitest/config";

const source = { resolve: { conditions: ["@sessions/source"] }, ssr: { resolve: { conditions: ["@sessions/source"] } } };

export default defineConfig({
  test: {
    projects: [
      {
        ...source,
        test: {
          name: "pure",
          include: ["packages/*/src/**/*.test.ts"],
          exclude: ["**/*.pg.test.ts", "**/*.browser.test.ts"],
          typecheck: { enabled: true, include: ["packages/*/src/**/*.test-d.ts"], ignoreSourceErrors: false },
        },
      },
    ],
  },
});
