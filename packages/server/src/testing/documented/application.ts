import { initTRPC } from "@trpc/server";

// The parts of an application that the README's code imports.

export interface Context {
  readonly user: { readonly id: string } | null;
}

export const t = initTRPC.context<Context>().create();

/** How likely it is that a payment to this account is a fraud, from 0 to 1. */
export function riskOf(iban: string): number {
  return iban.startsWith("BE") ? 0.1 : 0.9;
}

/** The owner whose password this is, or null. */
export function checkPassword(given: unknown): Promise<string | null> {
  return Promise.resolve(JSON.stringify(given) === '{"name":"ada","password":"analytical engine"}' ? "ada" : null);
}
