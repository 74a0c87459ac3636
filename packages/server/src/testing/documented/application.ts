import { initTRPC } from "@trpc/server";

// What the README's code takes from the application that it stands in.

export interface Context {
  readonly user: { readonly id: string } | null;
}

export const t = initTRPC.context<Context>().create();
