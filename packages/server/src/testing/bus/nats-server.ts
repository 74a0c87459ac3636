import { freePort } from "../embedded/postgres-server.ts";
import { installedVersion, startServer } from "../connections/local-server.ts";

/** The version of the NATS server on this machine; undefined when there is none. */
export function natsVersion(): string | undefined {
  return installedVersion("nats-server", /v(\d\S*)/);
}

/** Starts a NATS server. Its connections can be counted at `monitorUrl`. */
export async function startNats(): Promise<{
  readonly url: string;
  readonly monitorUrl: string;
  /** Closes all connections, as a failing network would. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}> {
  const [port, monitorPort] = [await freePort(), await freePort()];
  const args = ["--addr", "127.0.0.1", "--port", String(port), "--http_port", String(monitorPort)];
  let server = await startServer("nats-server", args, port);
  return {
    url: `nats://127.0.0.1:${port}`,
    monitorUrl: `http://127.0.0.1:${monitorPort}`,
    restart: async () => {
      await server.stop();
      server = await startServer("nats-server", args, port);
    },
    stop: () => server.stop(),
  };
}
