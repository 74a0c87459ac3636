import type { Sessions } from "@sessions/client";

/** With `?devtools` in the address, a panel shows what the sessions do. Its code is loaded only then. */
export async function offerDevtools(sessions: Sessions): Promise<void> {
  if (!new URLSearchParams(location.search).has("devtools")) return;
  const { openDevtools } = await import("@sessions/client/devtools");
  openDevtools(sessions);
  giveRoom();
}

/** The panel lies over the page's end: below it there is as much to scroll. */
function giveRoom(): void {
  const panel = document.querySelector("[data-sessions-devtools]")?.shadowRoot?.querySelector("section");
  if (!panel) return;
  const observer = new ResizeObserver(() => {
    document.body.style.paddingBlockEnd = `${panel.offsetHeight}px`;
    // It goes with the sessions.
    if (!panel.isConnected) observer.disconnect();
  });
  observer.observe(panel);
}
