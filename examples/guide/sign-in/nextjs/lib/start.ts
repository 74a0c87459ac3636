import { setTimeout } from "node:timers/promises";
import { signIns } from "./sign-ins.ts";

await signIns.migrate();

async function stop(): Promise<void> {
  signIns.endStreams();
  // Next.js waits for all connections, also for idle ones. Requests have a second to end.
  await setTimeout(1_000);
  await signIns.close();
  process.exit();
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());
