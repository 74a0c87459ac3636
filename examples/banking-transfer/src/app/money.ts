const euros = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });

/** An amount as a person reads it: `€1,234.50`. */
export function formatCents(cents: number): string {
  return euros.format(cents / 100);
}

/**
 * The cents in what a person typed, with a point or a comma before the cents and spaces wherever they like;
 * null when it is not, or not yet, an amount. A point or comma before three digits could mean either thing,
 * so it is not guessed at.
 */
export function parseCents(typed: string): number | null {
  const match = /^(\d{1,9})(?:[.,](\d{1,2}))?$/.exec(typed.replaceAll(/[\s€]/g, ""));
  if (!match) return null;
  const [, whole = "", cents = ""] = match;
  return Number(whole) * 100 + Number(cents.padEnd(2, "0"));
}

/** An amount as a person would type it: `1234.50`. */
export function typedCents(cents: number): string {
  return (cents / 100).toFixed(2);
}
