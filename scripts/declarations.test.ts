import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { root } from "./repository.ts";

/** Files of the guide that export a router of tRPC. */
const sharedFiles = [
  "sign-in/sign-ins.ts",
  "sign-in/nextjs/lib/sign-ins.ts",
  "hosts/sessions.ts",
  "hosts/nextjs/lib/sessions.ts",
];

/** A dependency is linked by its real path, as an installation has it. */
async function linkAll(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) {
    if (name === "@sessions" || name.startsWith(".")) continue;
    if (name.startsWith("@")) await linkAll(join(from, name), join(to, name));
    else {
      await mkdir(to, { recursive: true });
      await symlink(await realpath(join(from, name)), join(to, name));
    }
  }
}

/** The guide's files in a folder where the packages are copies in node_modules: TypeScript names no file inside those. */
async function installGuide(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sessions-declarations-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const modules = join(folder, "node_modules");
  await linkAll(join(root, "examples/guide/node_modules"), modules);
  await symlink(await realpath(join(root, "node_modules/@types/node")), join(modules, "@types/node"));
  for (const name of ["core", "server"]) {
    const [own, copy] = [join(root, "packages", name), join(modules, "@sessions", name)];
    for (const part of ["src", "package.json"]) await cp(join(own, part), join(copy, part), { recursive: true });
    await linkAll(join(own, "node_modules"), join(copy, "node_modules"));
  }
  for (const file of [...sharedFiles, "hosts/flow.ts", "hosts/nextjs/lib/flow.ts", "tutorial/flow.ts"]) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await cp(join(root, "examples/guide", file), join(folder, file));
  }
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const tsconfig = {
    extends: join(root, "tsconfig.base.json"),
    compilerOptions: { types: ["node"], rootDir: ".", outDir: "dist", emitDeclarationOnly: true, incremental: false },
    files: sharedFiles,
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
  return folder;
}

test("the guide's routers have declarations: the entries export every type of their replies", async () => {
  const folder = await installGuide();
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { stdout } = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
  expect(stdout).toBe("");
  expect(await readdir(join(folder, "dist/sign-in"))).toContain("sign-ins.d.ts");
}, 120_000);
