import { keysFromEnvironment } from "../../secrets/environment-keys.ts";
import { generateKey } from "../../secrets/key-ring.ts";

/** Keys for tests that do not look at them. */
export const testKeys = keysFromEnvironment(generateKey());
