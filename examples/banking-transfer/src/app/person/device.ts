import type { User } from "./current-user.ts";

/**
 * The device that this page stands for: `?profile=phone` and `?profile=laptop` are two devices in one browser. It is
 * empty for the browser itself.
 */
export const profile = new URLSearchParams(location.search).get("profile") ?? "";

/** The name of this page's device until the person gives it another one: "Ada’s phone", or the bank's name for the browser. */
export function firstName({ name, browser }: User): string {
  return profile ? deviceNameOf(name, profile) : browser;
}

/** The name of a person's phone or laptop. */
export function deviceNameOf(person: string, kind: string): string {
  return `${person.split(" ")[0]}’s ${kind}`;
}
