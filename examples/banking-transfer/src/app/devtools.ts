import type { Sessions } from "@sessions/client";

/** With `?devtools` in the address, a panel shows what the sessions do. Its code is loaded only then. */
export async function offerDevtools(sessions: Sessions): Promise<void> {
  if (!new URLSearchParams(location.search).has("devtools")) return;
  const { openDevtools } = await import("@sessions/client/devtools");
  openDevtools(sessions);
}
