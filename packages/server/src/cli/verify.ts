import type { Command } from "commander";
import { verify } from "../flows/verification/verify.ts";
import { verifySignIns } from "../sign-in/verify.ts";
import type { CommandRunner } from "./command-runner.ts";
import { formatSignIns } from "./sweep.ts";

export function addVerifyCommand(program: Command, run: CommandRunner): void {
  program
    .command("verify")
    .description("check every session and sign-in against its history, and name the first that is broken")
    .action(() =>
      run(async ({ sessions, signIns, hasSignIns, hasSignInsOnly, db, cipherOf, signInDb, partitions }, output) => {
        const withSessions = !(await hasSignInsOnly());
        if (withSessions) await sessions.check();
        const withSignIns = await hasSignIns();
        if (withSignIns) await signIns.checkMigrated();
        const months = await partitions.list();
        const firstMonth = months.find(({ of }) => of === "session_archive")?.month;
        const firstHistoryMonth = months.find(({ of }) => of === "session_event")?.month;
        const onProgress = (count: number) => output.progress(`${count} sessions`);
        const { sessions: whole, broken } = withSessions
          ? await verify(db, { firstMonth, firstHistoryMonth, onProgress, ...(cipherOf && { cipherOf }) })
          : { sessions: 0, broken: null };
        if (broken !== null) {
          const { owner, session, reason } = broken;
          const what = session === null ? `Owner ${owner}` : `Session ${session}`;
          return {
            lines: [`${what} ${reason}. The ${whole} before it are whole.`],
            json: { whole, broken: { owner, session, reason } },
            failed: true,
          };
        }
        if (!withSignIns) return { lines: [`${whole} sessions are whole.`], json: { whole, broken } };

        const verified = await verifySignIns(signInDb, (count) => output.progress(`${count} sign-ins`));
        const json = { whole, broken, signIns: { whole: verified.signIns, broken: verified.broken } };
        if (verified.broken === null) {
          return { lines: [`${whole} sessions and ${formatSignIns(verified.signIns)} are whole.`], json };
        }
        const { signIn, reason } = verified.broken;
        return {
          lines: [`Sign-in ${signIn} ${reason}. The ${verified.signIns} before it are whole.`],
          json: { ...json, signIns: { whole: verified.signIns, broken: { signIn, reason } } },
          failed: true,
        };
      }),
    );
}
