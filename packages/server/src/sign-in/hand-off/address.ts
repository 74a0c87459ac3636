import { hash } from "node:crypto";
import { isIPv6 } from "node:net";

/**
 * What is stored of the address from which a request came, to count requests: a hash. One household or server has a whole
 * network of 64 bits of IPv6 addresses.
 */
export function hashOfAddress(address: string): string {
  return hash("sha256", `hand-off address ${isIPv6(address) ? networkOf(address) : address}`, "base64url");
}

function networkOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  const [head = "", tail = ""] = address.split("%")[0]!.split("::");
  const [first, last] = [head, tail].map((part) => (part === "" ? [] : part.split(":")));
  const groups = [
    ...first!,
    ...Array.from({ length: Math.max(0, 8 - first!.length - last!.length) }, () => "0"),
    ...last!,
  ];
  return groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(":");
}
