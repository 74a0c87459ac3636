import type { DataDefinitions } from "@sessions/core/internal";

const MAX_KEYS = 50;

/** What is wrong with definitions, in a sentence; undefined if nothing is. */
export function problemOf(data: DataDefinitions): string | undefined {
  const keys = Object.keys(data);
  if (keys.length > MAX_KEYS) return `\`data\` has ${keys.length} keys, and may have ${MAX_KEYS}.`;
  for (const key of keys) {
    if (!/^[a-zA-Z][\w-]{0,49}$/.test(key)) {
      return `\`data\` has the key ${JSON.stringify(key.slice(0, 50))}. A key is a letter, then up to 49 letters, digits, _ and -.`;
    }
    const { schema, per, serverOnly } = data[key]!;
    if (typeof schema?.safeParse !== "function") return `\`data.${key}.schema\` is no schema of zod.`;
    if (!["sign-in", "owner"].includes(per)) return `\`data.${key}.per\` is "sign-in" or "owner".`;
    if (!["boolean", "undefined"].includes(typeof serverOnly)) return `\`data.${key}.serverOnly\` is true or false.`;
  }
  return undefined;
}
