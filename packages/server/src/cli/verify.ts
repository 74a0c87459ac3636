import type { Command } from "commander";
import { verify } from "../flows/verify.ts";
import type { CommandRunner } from "./command-runner.ts";

export function addVerify(program: Command, run: CommandRunner): void {
  program
    .command("verify")
    .description("check every session against its history, and name the first that is broken")
    .action(() =>
      run(async ({ sessions, db, partitions }, output) => {
        await sessions.check();
        const firstMonth = (await partitions.list()).find(({ of }) => of === "session_archive")?.month;
        const onProgress = (count: number) => output.progress(`${count} sessions`);
        const { sessions: whole, broken } = await verify(db, { firstMonth, onProgress });
        if (broken === null) return { lines: [`${whole} sessions are whole.`], json: { whole, broken } };
        const { session, reason } = broken;
        return {
          lines: [`Session ${session} ${reason}. The ${whole} before it are whole.`],
          json: { whole, broken: { session, reason } },
          failed: true,
        };
      }),
    );
}
