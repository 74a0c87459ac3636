import type { SignIns } from "@sessions/server/sign-in";

/**
 * The name of a browser for its owner. A number follows if another browser of the owner has this name: "Chrome on
 * Linux 2". Two that sign in at the same moment may get the same number.
 */
export async function nameBrowser(signIns: SignIns, owner: string, name: string): Promise<string> {
  const { signIns: others } = await signIns.list(owner, { limit: 100 });
  const taken = new Set(others.map(({ device }) => device));
  let named = name;
  for (let number = 2; taken.has(named); number += 1) named = `${name} ${number}`;
  return named;
}
