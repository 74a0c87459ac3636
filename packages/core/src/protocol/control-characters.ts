/** Makes a name safe to show: it removes line breaks and control characters, such as those that change the text's direction. */
export function stripControlCharacters(name: string): string {
  return name.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, "");
}
