import { node, sessions } from "./sessions.ts";

await sessions.migrate();

async function stop(): Promise<void> {
  node.stops = true;
  await sessions.close();
  // Next.js waits for all connections, also for idle ones.
  setTimeout(() => process.exit(), 1_000).unref();
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());
