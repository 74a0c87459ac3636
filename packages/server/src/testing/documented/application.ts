import { initTRPC } from "@trpc/server";

// The parts of an application that the README's code imports.

export interface Context {
  readonly user: { readonly id: string } | null;
}

export const t = initTRPC.context<Context>().create();
