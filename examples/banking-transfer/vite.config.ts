import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig } from "vite";

// `vite` and `vite build --mode source` take the packages from their sources. The plain build takes the built packages.
export default defineConfig(({ command, mode }) => ({
  plugins: [react()],
  resolve:
    command === "serve" || mode === "source" ? { conditions: ["@sessions/source", ...defaultClientConditions] } : {},
  // The oldest browsers that the packages run in.
  build: { outDir: "dist/app", target: ["chrome109", "edge109", "firefox115", "safari16.4"] },
  server: { proxy: { "/trpc": `http://localhost:${process.env.PORT ?? "4000"}` } },
}));
