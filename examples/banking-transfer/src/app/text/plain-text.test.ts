import { expect, test } from "vitest";
import { plainText } from "./plain-text.ts";

test.each([
  ["Grace Hopper", "Grace Hopper"],
  ["Ada\u2019s phone 🏦", "Ada\u2019s phone 🏦"],
  ["Grace\u202e reppoH", "Grace reppoH"],
  ["a\u2067b\u2069\u200fc\u0000\n", "abc"],
  ["עדה", "\u2068עדה\u2069"],
  ["\u202eעדה", "\u2068עדה\u2069"],
])("%j is shown as %j", (text, shown) => expect(plainText(text)).toBe(shown));
