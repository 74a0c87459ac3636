import { fileURLToPath } from "node:url";
import { build, defaultClientConditions, type Rolldown } from "vite";

const ENTRY = "\0page";

// The page of an application. Its parts are on `lab`, for a test to use.
const page = `
  import { createSessionsClient } from "@sessions/client";
  import { defineFlow, step } from "@sessions/core/internal";
  import { z } from "zod";
  const text = z.object({ text: z.string() });
  const notes = defineFlow({ name: "notes", version: 1, steps: {
    left: step({ input: text }),
    middle: step({ input: text, dependsOn: ["left"] }),
    right: step({ input: z.record(z.string(), z.json()) }),
    end: step({ input: z.object({}) }),
  } });
  const faults = [];
  const open = async (url, owner, options) => {
    const sessions = createSessionsClient({ flows: [notes], url, owner, onError: ({ code }) => faults.push(code), ...options });
    await sessions.ready;
    return sessions;
  };
  globalThis.lab = { notes, open, faults };
`;

/** The page's script: the client, bundled from the sources. */
export async function pageScript(): Promise<string> {
  const made = (await build({
    configFile: false,
    logLevel: "error",
    root: fileURLToPath(new URL("../../../client", import.meta.url)),
    resolve: { conditions: ["@sessions/source", ...defaultClientConditions] },
    plugins: [
      {
        name: "page",
        resolveId: (id, importer) => {
          if (id === ENTRY) return id;
          if (importer !== ENTRY || !id.startsWith("@sessions/")) return undefined;
          return fileURLToPath(new URL(`../../../${id.slice("@sessions/".length)}/src/index.ts`, import.meta.url));
        },
        load: (id) => (id === ENTRY ? page : undefined),
      },
    ],
    build: { write: false, target: "esnext", minify: false, rolldownOptions: { input: ENTRY }, modulePreload: false },
  })) as Rolldown.RolldownOutput;
  return made.output.flatMap((output) => (output.type === "chunk" ? output.code : [])).join("");
}
