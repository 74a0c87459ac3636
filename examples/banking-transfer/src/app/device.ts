import { deviceName } from "@sessions/client";
import type { User } from "./visit.ts";

/**
 * Which of several devices this page plays: `?profile=phone` and `?profile=laptop` are two in one browser.
 * Empty is the browser itself.
 */
export const profile = new URLSearchParams(location.search).get("profile") ?? "";

/**
 * What this page's device is called until the person names it: "Ada’s phone", or the browser's own name, with a number
 * from the second browser on: "Chrome on Linux 2".
 */
export function firstName({ name, browser }: User): string {
  if (profile) return deviceNameOf(name, profile);
  return browser === 1 ? deviceName() : `${deviceName()} ${browser}`;
}

/** A person's device by the part it plays. */
export function deviceNameOf(person: string, part: string): string {
  return `${person.split(" ")[0]}’s ${part}`;
}
