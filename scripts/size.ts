/**
 * Bundles the parts of client and core that an application imports, as vite does for it. Prints the bundle's size,
 * minified and compressed, without the peer dependencies. Exits with 1 if the size is above the budget, or if the
 * devtools are in the bundle.
 */
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, minify, type Rolldown } from "vite";
import { root } from "./repository.ts";

/** The size that was reached, in bytes. Lower it with every change that makes the bundle smaller. The target is 8,000. */
const BUDGET = 27_360;

const ENTRY = "\0application";

const application = `
  export { createSessionsClient } from "@sessions/client";
  export { defineFlow, step } from "@sessions/core";
`;

const outputs = (await build({
  configFile: false,
  logLevel: "error",
  root: join(root, "packages/client"),
  resolve: { conditions: ["@sessions/source", "module", "browser", "production"] },
  plugins: [
    {
      name: "application",
      resolveId: (id, importer) => {
        if (id === ENTRY) return id;
        // Only the application's own imports need this. The client's imports resolve as in every application.
        return importer === ENTRY ? join(root, "packages", id.replace("@sessions/", ""), "src/index.ts") : undefined;
      },
      load: (id) => (id === ENTRY ? application : undefined),
    },
  ],
  build: {
    write: false,
    minify: true,
    rolldownOptions: {
      input: ENTRY,
      external: /^(zod|@trpc\/)/,
      preserveEntrySignatures: "strict",
    },
    modulePreload: false,
  },
})) as Rolldown.RolldownOutput;

const chunks = outputs.output.filter((output) => output.type === "chunk");
const modules = chunks.flatMap((chunk) => Object.entries(chunk.modules));
const size = gzipSync(chunks.map(({ code }) => code).join(""), { level: 9 }).length;

// Each module is compressed alone, so the sizes add up to more than the bundle, in which they share text.
const weights = await Promise.all(
  modules.map(async ([id, { code }]) => {
    const { code: minified } = await minify(id, code ?? "");
    return { id: id.replace(`${root}/`, ""), bytes: gzipSync(minified, { level: 9 }).length };
  }),
);
for (const { id, bytes } of weights.toSorted((a, b) => b.bytes - a.bytes)) {
  console.log(`${String(bytes).padStart(6)}  ${id.replace(/^.*node_modules\//, "")}`);
}
console.log(`${String(size).padStart(6)}  together, of ${BUDGET} at most`);
if (size > BUDGET) process.exitCode = 1;

const tools = modules.filter(([id]) => id.includes("packages/client/src/devtools"));
if (tools.length > 0) {
  console.log("The devtools are in the bundle of an application that does not import them.");
  process.exitCode = 1;
}
