/** The two customers of the demonstration. The sign-in page names them, so that everybody can try both. */
export const people = [
  { id: "ada", name: "Ada Lovelace", iban: "BE44735181512145", openingCents: 25_000_00 },
  { id: "grace", name: "Grace Hopper", iban: "BE95735190612058", openingCents: 4_800_00 },
] as const;

export type Person = (typeof people)[number];

/** The customer with this id. */
export function personOf(id: string): Person | undefined {
  return people.find((person) => person.id === id);
}

/** The password of both. */
export const DEMO_PASSWORD = "continue-anywhere";

/** The operator of the demonstration, who sees the dashboard and is no customer. */
export const OPERATOR = "olga";

export const OPERATOR_PASSWORD = "look-but-do-not-touch";
