import { createSessionsClient } from "@sessions/client";
import { SessionsProvider } from "@sessions/react";
import { createRoot } from "react-dom/client";
import { repair } from "../flow.ts";
import { Repairs } from "./repairs.tsx";

const sessions = createSessionsClient({ flows: [repair], url: "/trpc", owner: "ada" });

createRoot(document.querySelector("main")!).render(
  <SessionsProvider sessions={sessions}>
    <Repairs />
  </SessionsProvider>,
);

if (import.meta.env.PROD) void navigator.serviceWorker?.register("/sw.js");
