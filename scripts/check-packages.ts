/**
 * Packs every public package as for a release, and checks the tarball. Its exports must resolve (publint), and its types
 * too (attw), also in an application that has none of its optional peers. Its README must not link to a file outside it. The built code must run on the oldest Node that the package
 * promises. Build first. Exits with 1 if one of these checks fails.
 */
import { execFile } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { problemOfTypes } from "./consumer-types.ts";
import { brokenLinks } from "./links.ts";
import { root } from "./repository.ts";

const run = promisify(execFile);
const command = (name: string) => join(root, "node_modules", ".bin", name);

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly engines: { readonly node: string };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** The programs that run on the oldest Node. The server's serves an embedded Postgres. Others only load their entry. */
const programs: Record<string, string> = {
  "@sessions/server": `
    import { PGlite } from "@electric-sql/pglite";
    import { defineFlow, step } from "@sessions/core";
    import { createSessions, serve } from "@sessions/server";
    import { count, createActivity, defineActivity } from "@sessions/server/activity";
    import { createSecondaryStorage } from "@sessions/server/better-auth";
    import { SessionsStore } from "@sessions/server/express-session";
    import { createDashboard } from "@sessions/server/dashboard";
    import { createSignIns } from "@sessions/server/sign-in";
    import expressSession from "express-session";
    import { promisify } from "node:util";
    import { z } from "zod";
    const flow = defineFlow({ name: "note", version: 1, steps: { text: step({ input: z.object({ text: z.string() }) }) } });
    const database = await PGlite.create();
    const sessions = createSessions({ database, identify: () => ({ owner: "ada" }), flows: [serve(flow, {})] });
    await sessions.migrate();
    await sessions.check();
    const [id, session] = ["0190b2f4-0000-7000-8000-000000000001", "0190b2f4-0000-7000-8000-000000000002"];
    const commands = [{ kind: "start", id, session, flow: "note", version: 1 }];
    const server = sessions.router.createCaller({});
    const reply = await server.push({ protocol: 1, owner: "ada", device: { id, name: "Node" }, commands });
    if (reply.outcomes[0].status !== "accepted") throw new Error(JSON.stringify(reply));
    await sessions.close();
    const signIns = createSignIns({ database });
    await signIns.migrate();
    const request = new Request("https://bank.example/", { method: "POST" });
    const response = await signIns.fetch(request, async (visit) => {
      await visit.signInAs("ada", { factors: ["password"] });
      return new Response(visit.owner);
    });
    const cookie = response.headers.getSetCookie()[0].split(";")[0];
    const visit = await signIns.read(new Headers({ host: "bank.example", cookie }));
    if (visit.owner !== "ada") throw new Error("The cookie lets nobody in.");
    await signIns.close();
    const dashboard = createDashboard({ database, authorize: () => ({ name: "Olga" }) });
    await dashboard.migrate();
    const page = await dashboard.fetch(request);
    if (page.status !== 403) throw new Error("A form from nowhere reaches the dashboard.");
    const overview = await dashboard.fetch(new Request(request.url));
    if (overview.status !== 200) throw new Error("The dashboard answers " + overview.status);
    await dashboard.close();
    const store = new SessionsStore();
    const call = (name, ...given) => promisify(store[name].bind(store))(...given);
    await call("set", "sid", { cookie: { expires: new Date(Date.now() + 60_000) }, owner: "ada" });
    const middleware = expressSession({ store, secret: "a secret", resave: false, saveUninitialized: false });
    const started = { headers: {}, url: "/", originalUrl: "/", sessionID: "sid" };
    store.createSession(started, await call("get", "sid"));
    if (started.session.owner !== "ada" || typeof middleware !== "function") throw new Error("The store lost a session.");
    await store.close();
    const storage = createSecondaryStorage({ database });
    await storage.set("key", "value", 60);
    if ((await storage.getAndDelete("key")) !== "value") throw new Error("The storage lost a value.");
    await storage.close();
    const [events, counts] = [{ opened: z.object({}) }, { pages: count("opened") }];
    const visits = defineActivity({ name: "visits", gap: "1h", events, counts });
    const activity = createActivity({ database, activities: [visits] });
    await activity.migrate();
    await activity.start();
    await activity.record("ada", "opened", {});
    for (let tries = 0; (await activity.current("ada", visits))?.counts.pages !== 1; tries += 1) {
      if (tries === 200) throw new Error("The event was not counted.");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await activity.close();
    await database.close();`,
};

/** The packages that a package cannot do without. */
function needsOf({ dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} }: Manifest): readonly string[] {
  const peers = Object.keys(peerDependencies).filter((peer) => !peerDependenciesMeta[peer]?.optional);
  return [...Object.keys(dependencies), ...peers];
}

async function findProblems(directory: string, manifest: Manifest): Promise<readonly string[]> {
  const { name, engines } = manifest;
  if (!existsSync(join(directory, "dist", "index.js"))) return ["is not built: run `pnpm build` first."];
  const packed = await mkdtemp(join(tmpdir(), "sessions-package-"));
  try {
    const tarball = join(packed, `${name.replace("@", "").replace("/", "-")}.tgz`);
    await run("npx", ["-y", "pnpm@12", "pack", "--out", tarball], { cwd: directory });
    const checks = await Promise.all([
      problemOf("publint", ["run", "--strict", tarball]),
      problemOfLinks(join(directory, "README.md"), tarball),
      problemOf("attw", ["--profile", "esm-only", "--no-definitely-typed", "--no-emoji", "--no-color", tarball]),
      problemOfTypes({ name, tarball, directory, needs: needsOf(manifest) }, packed),
      problemOnNode(oldest(engines.node), programs[name] ?? `await import("${name}");`, directory),
    ]);
    return checks.filter((problem) => problem !== undefined);
  } finally {
    await rm(packed, { recursive: true, force: true });
  }
}

async function problemOfLinks(readme: string, tarball: string): Promise<string | undefined> {
  const { stdout } = await run("tar", ["-tzf", tarball]);
  const packed = stdout.split("\n").map((path) => path.replace("package/", ""));
  const broken = brokenLinks(await readFile(readme, "utf8"), packed);
  return broken.length > 0 ? `README.md links to what is not in the tarball: ${broken.join(", ")}` : undefined;
}

async function problemOf(check: string, given: readonly string[]): Promise<string | undefined> {
  try {
    await run(command(check), given, { cwd: root });
    return undefined;
  } catch (error) {
    return `${check}:\n${outputOf(error)}`;
  }
}

/** ">=22.12" begins with 22.12.0. */
function oldest(range: string): string {
  const [major, minor = "0"] = range.replace(/^>=/, "").split(".");
  return `${major}.${minor}.0`;
}

/** Runs a program in the package's folder, where the package's name imports the built code. */
async function problemOnNode(version: string, program: string, cwd: string): Promise<string | undefined> {
  try {
    const node = ["-y", `--package=node@${version}`, "node"];
    await run("npx", [...node, "--input-type=module", "--eval", program], { cwd, timeout: 180_000 });
    return undefined;
  } catch (error) {
    return `Node ${version}:\n${outputOf(error)}`;
  }
}

function outputOf(error: unknown): string {
  const { stdout = "", stderr = "" } = error as { readonly stdout?: string; readonly stderr?: string };
  return `${stdout}${stderr}`;
}

for (const file of globSync("packages/*/package.json", { cwd: root }).toSorted()) {
  const manifest = JSON.parse(await readFile(join(root, file), "utf8")) as Manifest;
  if (manifest.private) continue;
  const problems = await findProblems(join(root, dirname(file)), manifest);
  if (problems.length > 0) process.exitCode = 1;
  console.log(
    `${manifest.name}: ${problems.length > 0 ? problems.join("\n") : "nothing is wrong, and its oldest Node runs it"}`,
  );
}
