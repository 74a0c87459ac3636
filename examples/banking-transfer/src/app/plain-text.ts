// What turns the direction of the text after it, and control characters: a name could pass for something else with them.
// oxlint-disable-next-line no-control-regex
const misleading = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * Somebody's text, such as a name, for the middle of a sentence: without what would turn the rest of the sentence
 * around, and set apart from it when it is itself written from right to left.
 */
export function plainText(text: string): string {
  const clean = text.replaceAll(misleading, "");
  return rightToLeft.test(clean) ? `\u2068${clean}\u2069` : clean;
}
