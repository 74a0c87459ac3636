import type { Json } from "@sessions/core";

/** Text that JSON keeps as it is between its quotes. */
const plain = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

/**
 * A JSON value as canonical text (RFC 8785): the same for equal values, whatever the order of their keys. Fields
 * that are undefined are left out.
 */
export function canonical(value: Json): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonical).join()}]`;
  let text = "";
  // Sorted by UTF-16 code units, as the standard asks.
  for (const key of Object.keys(value).sort()) {
    const item = value[key];
    if (item !== undefined) text += `${text === "" ? "" : ","}${quoted(key)}:${canonical(item)}`;
  }
  return `{${text}}`;
}

function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text);
}

// `Array.isArray` does not narrow a readonly array.
function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}
