import { electronicFormatIBAN, friendlyFormatIBAN, isValidIBAN } from "ibantools";

/** An IBAN in groups of four, as a bank card shows it. */
export function printedIban(iban: string): string {
  return friendlyFormatIBAN(electronicFormatIBAN(iban) ?? "") ?? iban;
}

/** A text, in groups of four if it is a whole IBAN without spaces. */
export function groupedIban(text: string): string {
  return isValidIBAN(text) ? printedIban(text) : text;
}
