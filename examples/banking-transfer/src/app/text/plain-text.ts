// Control characters, and characters that turn the direction of the text after them. Both can disguise a name.
// oxlint-disable-next-line no-control-regex
const misleading = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * A person's text, such as a name, for the middle of a sentence. It cannot turn the direction of the sentence. A text
 * from right to left is isolated from the rest.
 */
export function plainText(text: string): string {
  const clean = text.replaceAll(misleading, "");
  return rightToLeft.test(clean) ? `\u2068${clean}\u2069` : clean;
}
