import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface RunningServer {
  readonly url: string;
  /** Sends SIGTERM. Resolves when the process has ended by itself, with its exit code and the duration in milliseconds. */
  stop(): Promise<{ readonly exitCode: number | null; readonly ms: number }>;
}

/** Runs a file of the guide from `directory`, as its page tells, until the end of the test. */
export async function runServer(file: string, directory: string, environment: Record<string, string> = {}) {
  const port = await freePort();
  const server = spawn(process.execPath, ["--conditions=@sessions/source", file], {
    cwd: directory,
    env: { PATH: process.env["PATH"], PORT: String(port), HOST: "127.0.0.1", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void server.kill("SIGKILL"));
  const ended = once(server, "close");
  let errors = "";
  server.stderr.on("data", (chunk) => (errors += String(chunk)));
  const failed = ended.then(() => Promise.reject(new Error(`${file} has ended: ${errors}`)));
  await Promise.race([once(server.stdout, "data"), failed]);
  failed.catch(() => {});

  const running: RunningServer = {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      const sentAtMs = performance.now();
      server.kill("SIGTERM");
      await ended;
      return { exitCode: server.exitCode, ms: performance.now() - sentAtMs };
    },
  };
  return running;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
