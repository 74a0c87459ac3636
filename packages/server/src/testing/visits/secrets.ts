import { hash } from "node:crypto";

/** The texts that would tell a secret of a token: its id, its secret, its branch, and what they hash to, in each encoding. */
export function secretsOf(token: string): readonly string[] {
  const [, id, , branch, secret] = token.split(".");
  return [id, branch, secret].flatMap((part) => {
    const bytes = Buffer.from(part!, "base64url");
    const hashes = [hash("sha256", bytes, "buffer"), hash("sha256", part!, "buffer")];
    return [bytes, ...hashes].flatMap((each) => [
      each.toString("base64url"),
      each.toString("base64").replace(/=+$/, ""),
      each.toString("hex"),
    ]);
  });
}
