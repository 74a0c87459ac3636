import { v7 as uuidv7 } from "uuid";
import { start, submit, type TestClient } from "./bank.ts";

/** Starts a session with two submitted steps of 60 kB each, and gives its id. */
export async function largeSession(teller: TestClient): Promise<string> {
  const session = uuidv7();
  const text = "x".repeat(60_000);
  const left = submit(session, "left", { text });
  await teller.push(start(session, "notes"), left, submit(session, "middle", { text }, { left: left.id }));
  return session;
}
