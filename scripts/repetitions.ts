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

/** Some of many like cases in the test command, and all of them in `pnpm test:long`. */
export function sampled<T>(cases: readonly T[], { every }: { readonly every: number }): readonly T[] {
  return inject("mode") === "long" ? cases : cases.filter((_, index) => index % every === 0);
}
