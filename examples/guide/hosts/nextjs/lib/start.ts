import { node, sessions } from "./sessions.ts";

await sessions.migrate();

async function stop(): Promise<void> {
  node.stops = true;
  await sessions.close();
  // Next.js waits for every connection, also for those that browsers keep for later.
  setTimeout(() => process.exit(), 1_000).unref();
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());
