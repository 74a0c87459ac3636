import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout } from "node:timers/promises";

/** The version of a program on this machine, as it prints it; undefined when there is none. */
export function installedVersion(program: string, pattern: RegExp): string | undefined {
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return pattern.exec(stdout ?? "")?.[1];
}

/** Starts a server program, and waits until it listens on its port of this machine. It ends with this process. */
export async function startServer(
  program: string,
  args: readonly string[],
  port: number,
): Promise<{ stop(): Promise<void> }> {
  const child = spawn(program, args, { stdio: "ignore" });
  const ended = once(child, "exit");
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  await listening(program, port, () => child.exitCode !== null);
  return {
    stop: async () => {
      process.off("exit", kill);
      kill();
      await ended;
    },
  };
}

async function listening(program: string, port: number, hasEnded: () => boolean): Promise<void> {
  while (!hasEnded()) {
    const socket = connect(port, "127.0.0.1");
    const connected = once(socket, "connect").then(() => true);
    const there = await connected.catch(() => false);
    socket.destroy();
    if (there) return;
    await setTimeout(20);
  }
  throw new Error(`${program} did not start.`);
}
