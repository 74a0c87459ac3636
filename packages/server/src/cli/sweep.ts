import type { Command } from "commander";
import type { CommandRunner } from "./command-runner.ts";
import { countActive } from "./status.ts";

export function addSweep(program: Command, run: CommandRunner): void {
  program
    .command("sweep")
    .description("end the sessions whose deadline has passed")
    .option("--dry-run", "say how many there are, and end none")
    .action(({ dryRun = false }: { dryRun?: boolean }) =>
      run(async (connection, output) => {
        if (dryRun) {
          const { due } = await countActive(connection, Date.now());
          return { lines: [`Would end ${sessions(due)}.`], json: { dryRun, due } };
        }
        const onProgress = (count: number) => output.progress(`${count} ended`);
        const ended = await connection.sessions.sweep({ onProgress });
        return { lines: [`Ended ${sessions(ended)}.`], json: { dryRun, ended } };
      }),
    );
}

const sessions = (count: number) => `${count} session${count === 1 ? "" : "s"}`;
