import type { Command } from "commander";
import { generateKey } from "../secrets/key-ring.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** Commands on the keys that wrap the keys of owners. They need no database. */
export function addKeysCommand(program: Command, terminal: Terminal): void {
  const keys = program.command("keys").description("make the keys that seal what is secret");
  keys
    .command("generate")
    .description(
      "print a new key: keep it as you keep a password, and put it in front of the others. No part of the server takes keys yet",
    )
    .action(async () => {
      const key = generateKey();
      const isJson = program.opts<{ readonly json?: true }>().json;
      await terminal.write(`${isJson ? JSON.stringify({ key }) : key}\n`);
    });
}
