import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { profile } from "./person/device.ts";
import "./styles/index.css";

document.documentElement.dataset["profile"] = profile;

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
