/** A name as people may be shown it: without what is no character of it, such as what turns the direction of all that follows. */
export function readable(name: string): string {
  return name.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, "");
}
