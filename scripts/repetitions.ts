import { inject } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** "test", or "long" in `pnpm test:long`. */
    mode: string;
  }
}

/** How often a search tries: a few times in the test command, many times in `pnpm test:long`. */
export function repetitions({ few, many }: { readonly few: number; readonly many: number }): number {
  return inject("mode") === "long" ? many : few;
}
