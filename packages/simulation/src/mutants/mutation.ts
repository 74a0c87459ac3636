import { registerHooks } from "node:module";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Mutant, Patch } from "./mutants.ts";
import type { simulateSignIns } from "../sign-ins/simulate-sign-ins.ts";
import type { simulate } from "../simulate.ts";

const packages = new URL("../../../", import.meta.url);

/** The text of a source file after the patches. @throws {Error} if a replaced text is not there exactly once. */
export function applyPatches(file: string, patches: readonly Patch[]): string {
  const source = readFileSync(new URL(file, packages), "utf8");
  return patches.reduce((text, { find, replace }) => {
    if (text.split(find).length !== 2) throw new Error(`${file} does not hold this exactly once: ${find}`);
    return text.replace(find, () => replace);
  }, source);
}

/** The modules that simulate something, below `packages/simulation/src`. */
interface Simulations {
  readonly "simulate.ts": { readonly simulate: typeof simulate };
  readonly "sign-ins/simulate-sign-ins.ts": { readonly simulateSignIns: typeof simulateSignIns };
}

/**
 * Imports the project's modules with a mutant's patches: copies beside the unchanged ones.
 *
 * For example, "skip the receipt" imports `simulate.ts?mutant=skip-the-receipt`. The hooks give the same suffix to all modules
 * of the project that it imports, so Node loads all of them again. The hooks patch `judgement.ts` when it is loaded.
 */
export async function importMutated<Module extends keyof Simulations>(
  mutant: Mutant,
  module: Module,
): Promise<Simulations[Module]> {
  const tag = `?mutant=${mutant.name.replaceAll(/\W/g, "-")}`;
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      const own = found.url.startsWith(packages.href) && found.url.includes("/src/") && found.url.endsWith(".ts");
      const isMutated = specifier.endsWith(tag) || (context.parentURL?.endsWith(tag) ?? false);
      return own && isMutated ? { ...found, url: `${found.url}${tag}` } : found;
    },
    load(url, context, next) {
      const loaded = next(url, context);
      if (!url.endsWith(tag)) return loaded;
      const path = fileURLToPath(url.slice(0, -tag.length));
      const patches = mutant.patches.filter(({ file }) => path === fileURLToPath(new URL(file, packages)));
      return patches.length > 0 ? { ...loaded, source: applyPatches(patches[0]!.file, patches) } : loaded;
    },
  });
  try {
    return (await import(new URL(`../${module}${tag}`, import.meta.url).href)) as Simulations[Module];
  } finally {
    hooks.deregister();
  }
}
