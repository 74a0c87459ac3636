import type { DeviceBinding } from "../token/device-binding.ts";

/** A device binding in bytes: one for the layout, then the time, the number, the key and the secret. */
const LAYOUT = 1;

const TIME_BYTES = 6;
const KEY_BYTES = 64;
const SECRET_BYTES = 32;
export const BINDING_BYTES = 1 + TIME_BYTES + 4 + KEY_BYTES + SECRET_BYTES;

export function bindingToBytes({ key, secret, number, boundMs }: DeviceBinding): Buffer {
  const bytes = Buffer.alloc(BINDING_BYTES);
  let at = bytes.writeUInt8(LAYOUT);
  at = bytes.writeUIntBE(boundMs, at, TIME_BYTES);
  at = bytes.writeUInt32BE(number, at);
  at += bytes.write(key, at, KEY_BYTES, "base64url");
  bytes.write(secret, at, SECRET_BYTES, "base64url");
  return bytes;
}

export function bindingFromBytes(bytes: Buffer, start = 0): DeviceBinding {
  if (bytes[start] !== LAYOUT) throw new Error("The device binding has a layout that this version does not know.");
  const timeAt = start + 1;
  const numberAt = timeAt + TIME_BYTES;
  const keyAt = numberAt + 4;
  const secretAt = keyAt + KEY_BYTES;
  return {
    boundMs: bytes.readUIntBE(timeAt, TIME_BYTES),
    number: bytes.readUInt32BE(numberAt),
    key: bytes.toString("base64url", keyAt, secretAt),
    secret: bytes.toString("base64url", secretAt, secretAt + SECRET_BYTES),
  };
}
