import { openTab, quick, someone } from "./devices.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { recipient, transfer } from "./transfer.ts";

/** A session of which only the `confirm` step is left. */
export async function nearlyDone() {
  const server = new ScriptedServer([transfer]);
  // Fifteen seconds of patience pass in no time.
  const clock = { aheadMs: 0 };
  const hasty = {
    ...quick,
    now: () => quick.now() + clock.aheadMs,
    after(ms: number, run: () => void) {
      if (ms > 1_000) return quick.after(ms, run);
      clock.aheadMs += 1_000;
      return quick.after(0, run);
    },
  };
  const owner = someone();
  const sessions = openTab(server, { owner }, hasty);
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: 5 });
  const { length } = server.pushes;
  return {
    server,
    owner,
    sessions,
    session,
    pushed: () => server.pushes.slice(length).flatMap(({ commands }) => commands),
  };
}
