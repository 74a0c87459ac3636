import type { SessionsClient } from "@sessions/client";

/** Opens a panel for developers if the address has `?devtools`. The panel's code is loaded only then. */
export async function offerDevtools(sessions: SessionsClient): Promise<void> {
  if (!new URLSearchParams(location.search).has("devtools")) return;
  const { openDevtools } = await import("@sessions/client/devtools");
  openDevtools(sessions);
  makeRoom();
}

/** Adds as much space to the page's end as the panel covers. */
function makeRoom(): void {
  const panel = document.querySelector("[data-sessions-devtools]")?.shadowRoot?.querySelector("section");
  if (!panel) return;
  const observer = new ResizeObserver(() => {
    document.body.style.paddingBlockEnd = `${panel.offsetHeight}px`;
    // The panel closes with the sessions.
    if (!panel.isConnected) observer.disconnect();
  });
  observer.observe(panel);
}
