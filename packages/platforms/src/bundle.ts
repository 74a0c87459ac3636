import { join } from "node:path";
import { build, type Rolldown } from "vite";

/**
 * Bundles a program of this folder and everything that it imports into one file. The packages come from their sources.
 * The syntax stays as it was written: the bundler does not change it for older browsers.
 */
export async function bundle(program: string, platform: "browser" | "node"): Promise<string> {
  const forNode = platform === "node";
  const { output } = (await build({
    configFile: false,
    logLevel: "error",
    root: join(import.meta.dirname, ".."),
    resolve: { conditions: ["@sessions/source", "module", "browser", "production"] },
    ssr: { noExternal: true, resolve: { conditions: ["@sessions/source", "node", "import", "module"] } },
    build: {
      write: false,
      minify: false,
      target: "esnext",
      modulePreload: false,
      ssr: forNode,
      rolldownOptions: {
        input: join(import.meta.dirname, program),
        external: forNode ? /^node:/ : /^react/,
        preserveEntrySignatures: "strict",
        output: { codeSplitting: false },
      },
    },
  })) as Rolldown.RolldownOutput;
  return output[0].code;
}
