const euros = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });

/** An amount as a person reads it: `€1,234.50`. */
export function formatCents(cents: number): string {
  return euros.format(cents / 100);
}

/**
 * The cents of a typed amount, or the issue with it. A point or a comma stands before the cents. The other sign, or
 * none, stands between thousands, and spaces stand anywhere. One point or comma before three digits can mean two
 * amounts, so it is an issue.
 */
export function parseCents(typed: string): { readonly cents: number } | { readonly issue: string } {
  const text = typed.replaceAll(/[\s€]/g, "");
  if (/^[1-9]\d{0,2}[.,]\d{3}$/.test(text)) {
    return { issue: "This can mean two amounts: add the cents." };
  }
  const grouped = /^([1-9]\d{0,2}([.,])\d{3}(?:\2\d{3})?)(?:(?!\2)[.,](\d{1,2}))?$/.exec(text);
  const plain = /^(\d{1,9})(?:[.,](\d{1,2}))?$/.exec(text);
  const [whole, cents = ""] = grouped ? [grouped[1], grouped[3]] : [plain?.[1], plain?.[2]];
  if (whole === undefined) return { issue: "Enter an amount, such as 1234.50." };
  return { cents: Number(whole.replaceAll(/[.,]/g, "")) * 100 + Number(cents.padEnd(2, "0")) };
}

/** An amount as a person would type it: `1234.50`. */
export function typedCents(cents: number): string {
  return (cents / 100).toFixed(2);
}
