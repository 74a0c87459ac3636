import { addEntry, insertEntry } from "../rows/history.ts";
import { lockLive, updateChain } from "../rows/live.ts";
import type { KeeperContext } from "./context.ts";
import type { LiveSignIn } from "./sign-in-keeper.ts";
import { transactWithRetries } from "./transactions/transaction.ts";

/** The words that a signal may be: it is a word of code, not a text that somebody typed. */
const SIGNAL = /^[a-z][a-z0-9_]{0,49}$/;

/** Adds a signal to the history of a sign-in. Nothing happens if the sign-in has ended meanwhile. */
export async function noteSignal(context: KeeperContext, { owner, publicId }: LiveSignIn, kind: string): Promise<void> {
  if (!SIGNAL.test(kind)) throw new TypeError("A signal's kind is a lower-case word of up to 50 letters.");
  await transactWithRetries(context, async (tx) => {
    const row = await lockLive(tx, owner, publicId);
    if (row === null) return;
    const atMs = context.now();
    context.partitions.require(atMs);
    const { signIn, entry } = addEntry(row, "signal", atMs, { signal: kind });
    await updateChain(tx, signIn);
    await insertEntry(tx, owner, entry);
  });
}
