/**
 * Which of several devices this page plays: `?profile=phone` and `?profile=laptop` are two in one browser.
 * Empty is the browser itself.
 */
export const profile = new URLSearchParams(location.search).get("profile") ?? "";

/** The name of this page's device for a person: "Ada’s phone". Undefined is the browser's own name. */
export function deviceName(person: string): string | undefined {
  return profile ? deviceNameOf(person, profile) : undefined;
}

/** A person's device by the part it plays. */
export function deviceNameOf(person: string, part: string): string {
  return `${person.split(" ")[0]}’s ${part}`;
}
