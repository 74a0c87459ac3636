import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { hmacSha256 } from "./hmac.ts";

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });

test("it gives the bytes of node:crypto's own HMAC, for every key and text", () => {
  fc.assert(
    fc.property(bytes(130), fc.array(bytes(200), { maxLength: 3 }), (key, parts) => {
      const own = createHmac("sha256", key);
      for (const part of parts) own.update(part);
      expect(hmacSha256(key, ...parts)).toEqual(own.digest());
    }),
  );
});

test("it gives the bytes that RFC 4231 gives, for a short key and for one that is longer than a block", () => {
  const hex = (key: Uint8Array, text: string) => hmacSha256(key, Buffer.from(text)).toString("hex");
  expect(hex(Buffer.from("Jefe"), "what do ya want for nothing?")).toBe(
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
  expect(hex(Buffer.alloc(131, 0xaa), "Test Using Larger Than Block-Size Key - Hash Key First")).toBe(
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  );
});
