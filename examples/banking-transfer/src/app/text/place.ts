import { plainText } from "./plain-text.ts";

const regions = new Intl.DisplayNames("en", { type: "region" });

/** A place for a person: the name of a country by its code (ISO 3166-1), or the text itself. */
export function placeText(place: string): string {
  return /^[A-Z]{2}$/.test(place) ? (regions.of(place) ?? place) : plainText(place);
}
