/** Text of a page that is safe to send: every value in it has been escaped. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A value within a template. Nothing is written for null and false. */
export type HtmlValue = Html | string | number | null | false | readonly HtmlValue[];

/**
 * A part of a page. It escapes each value that is not `Html` itself, for text and for attributes in double quotes. A
 * template writes no other attributes, and puts no value into a script or a style.
 */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(parts.map((part, index) => part + (index < values.length ? textOf(values[index]!) : "")).join(""));
}

function textOf(value: HtmlValue): string {
  if (value instanceof Html) return value.text;
  if (value === null || value === false) return "";
  if (typeof value === "object") return value.map(textOf).join("");
  return String(value).replaceAll(/[&<>"']/g, (letter) => escaped[letter]!);
}

const escaped: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
