import { execFile } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { root } from "./repository.ts";

const run = promisify(execFile);

interface Consumer {
  /** The packages of the application beside those that the package needs. */
  readonly installs: readonly string[];
  readonly program: string;
}

/** Applications in TypeScript, by the package that they use. */
const consumers: Readonly<Record<string, readonly Consumer[]>> = {
  "@sessions/server": [
    {
      installs: [],
      program: `
        import { createSessions } from "@sessions/server";
        import { createActivity } from "@sessions/server/activity";
        import { createSignIns } from "@sessions/server/sign-in";
        import { SessionsStore } from "@sessions/server/express-session";
        import { createSecondaryStorage } from "@sessions/server/better-auth";
        new SessionsStore().get("sid", (error, session) => [error?.message, session?.cookie]);
        export const names = [createSessions, createActivity, createSignIns, createSecondaryStorage];`,
    },
    {
      installs: ["express-session", "@types/express-session", "fastify", "@fastify/session", "@fastify/cookie"],
      program: `
        import session from "express-session";
        import fastify from "fastify";
        import fastifySession from "@fastify/session";
        import { SessionsStore } from "@sessions/server/express-session";
        session({ store: new SessionsStore({ database: "postgres:///" }), secret: "a secret" });
        void fastify().register(fastifySession, { store: new SessionsStore(), secret: "a secret" });`,
    },
  ],
};

export interface PackedPackage {
  readonly name: string;
  readonly tarball: string;
  /** Its folder in this repository. */
  readonly directory: string;
  /** The packages that it cannot do without. */
  readonly needs: readonly string[];
}

/** Checks the types of applications in a folder that has only what they install. Undefined if nothing is wrong. */
export async function problemOfTypes(
  { name, tarball, directory, needs }: PackedPackage,
  folder: string,
): Promise<string | undefined> {
  for (const [index, { installs, program }] of (consumers[name] ?? []).entries()) {
    const application = join(folder, `application-${index}`);
    const place = async (installed: string, from: string) => {
      const at = join(application, "node_modules", installed);
      await mkdir(dirname(at), { recursive: true });
      await symlink(from, at);
    };
    const unpacked = join(application, "node_modules", name);
    await mkdir(unpacked, { recursive: true });
    await run("tar", ["-xzf", tarball, "-C", unpacked, "--strip-components=1"]);
    for (const each of [...needs, ...installs]) await place(each, join(directory, "node_modules", each));
    await place("@types/node", join(root, "node_modules/@types/node"));
    await writeFile(join(application, "package.json"), '{ "type": "module" }');
    await writeFile(join(application, "application.ts"), program);
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--types", "node"];
    // The declarations of packages are checked too: each name in them must be there.
    const given = [...options, "--skipLibCheck", "false", "application.ts"];
    try {
      await run(join(root, "node_modules/.bin/tsc"), given, { cwd: application });
    } catch (error) {
      return `types of an application with ${installs.join(", ") || "nothing else"}:\n${(error as { stdout: string }).stdout}`;
    }
  }
  return undefined;
}
