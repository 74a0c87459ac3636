/**
 * A session's receipts, one after another. Each accepted command that is not a draft has one: the command's id (16 bytes),
 * its revision (4) and the hash of its body (16). In memory they are kept as they are stored.
 */
export type Receipts = Uint8Array;

export const NO_RECEIPTS: Receipts = new Uint8Array();

/** The content of one receipt. */
export interface Receipt {
  /** The command's id. */
  readonly command: string;
  readonly revision: number;
  /** 128 bits over the command's body. */
  readonly hash: Buffer;
}

const ID_BYTES = 16;
const HASH_BYTES = 16;
const RECEIPT_BYTES = ID_BYTES + 4 + HASH_BYTES;

/** One receipt, to be added to a session's. */
export function encodeReceipt({ command, revision, hash }: Receipt): Receipts {
  const bytes = Buffer.allocUnsafe(RECEIPT_BYTES);
  bytes.write(command.replaceAll("-", ""), 0, "hex");
  bytes.writeUInt32BE(revision, ID_BYTES);
  hash.copy(bytes, ID_BYTES + 4, 0, HASH_BYTES);
  return bytes;
}

/** All receipts, in their order. */
export function* listReceipts(receipts: Receipts): Generator<Receipt, void, undefined> {
  const bytes = bufferOver(receipts);
  for (let at = 0; at < bytes.length; at += RECEIPT_BYTES) yield decodeReceipt(bytes, at);
}

/** The receipt of a command; undefined when there is none. */
export function findReceipt(receipts: Receipts, command: string): Receipt | undefined {
  const bytes = bufferOver(receipts);
  const id = Buffer.from(command.replaceAll("-", ""), "hex");
  for (let at = 0; at < bytes.length; at += RECEIPT_BYTES) {
    if (id.compare(bytes, at, at + ID_BYTES) === 0) return decodeReceipt(bytes, at);
  }
  return undefined;
}

function decodeReceipt(bytes: Buffer, at: number): Receipt {
  const id = bytes.toString("hex", at, at + ID_BYTES);
  return {
    command: id.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
    revision: bytes.readUInt32BE(at + ID_BYTES),
    hash: bytes.subarray(at + ID_BYTES + 4, at + RECEIPT_BYTES),
  };
}

function bufferOver({ buffer, byteOffset, byteLength }: Receipts): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
