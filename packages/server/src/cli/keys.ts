import { Option, type Command } from "commander";
import { SessionsError } from "@sessions/core/internal";
import { sealSessions } from "../flows/seal-sessions.ts";
import { generateKey } from "../secrets/key-ring.ts";
import { OwnerCiphers } from "../secrets/owner-ciphers.ts";
import { rotateKeys, wrappingKeyUses, type WrappingKeyUse } from "../secrets/rotation.ts";
import type { CommandRunner } from "./command-runner.ts";
import type { Connection } from "./connection.ts";
import type { Terminal } from "./terminal/terminal.ts";

export function addKeysCommand(program: Command, run: CommandRunner, terminal: Terminal): void {
  const keys = program.command("keys").description("make the keys that seal what is secret, and change them");

  keys
    .command("generate")
    .description("print a new key: keep it as you keep a password, and put it in front of the others")
    .action(async () => {
      const key = generateKey();
      const isJson = program.opts<{ readonly json?: true }>().json;
      await terminal.write(`${isJson ? JSON.stringify({ key }) : key}\n`);
    });

  keys
    .command("status")
    .description("say which keys wrap the keys of owners, and which of them are missing here")
    .action(() =>
      run(async (connection) => {
        const uses = await wrappingKeyUses(await ownerKeysDb(connection), connection.keys);
        return {
          lines: uses.length === 0 ? ["No owner has keys."] : uses.map(lineOf),
          json: { keys: uses },
          failed: uses.some(({ isThere }) => !isThere),
        };
      }),
    );

  keys
    .command("rotate")
    .description("wrap the keys of all owners with the newest key. Afterwards nothing needs the older ones")
    .action(() =>
      run(async (connection, output) => {
        const provider = givenKeys(connection);
        const db = await ownerKeysDb(connection);
        const onProgress = (rows: number) => output.progress(`${rows} keys of owners`);
        const { wrapped, keyId } = await rotateKeys({ db, provider, onProgress });
        return { lines: [`Wrapped ${wrapped} keys of owners with ${keyId}.`], json: { wrapped, current: keyId } };
      }),
    );

  keys
    .command("seal")
    .description("seal what was written before the nodes had keys, or before they sealed as much")
    .addOption(new Option("--encrypt <what>", "what the nodes seal").choices(["sensitive", "all"]).default("sensitive"))
    .action(({ encrypt }: { readonly encrypt: "sensitive" | "all" }) =>
      run(async (connection, output) => {
        const { schema, db } = connection;
        const provider = givenKeys(connection);
        await connection.sessions.check();
        const ciphers = new OwnerCiphers({ db: connection.eraseDb, schema, provider, now: Date.now, encrypt });
        const faults: string[] = [];
        const sealed = await sealSessions({
          db,
          ciphers,
          now: Date.now,
          onProgress: (sessions) => output.progress(`${sessions} sessions`),
          report: ({ message }) => void faults.push(message),
        });
        return {
          lines: [`Sealed ${sealed} sessions.`, ...faults],
          json: { sealed, faults },
          failed: faults.length > 0,
        };
      }),
    );
}

function givenKeys({ keys }: Connection): NonNullable<Connection["keys"]> {
  if (keys !== undefined) return keys;
  throw new SessionsError("configuration_invalid", "Give the keys in SESSIONS_KEYS, or by --keys-file.");
}

async function ownerKeysDb({ db, hasTable }: Connection): Promise<Connection["db"]> {
  if (await hasTable("owner_key")) return db;
  throw new SessionsError("database_not_migrated", "The schema has no table of owners' keys.");
}

function lineOf({ keyId, rows, isCurrent, isThere }: WrappingKeyUse): string {
  const state = isCurrent ? "the newest" : isThere ? "older" : "missing here";
  return `${keyId}  ${state}, wraps ${rows} keys of owners`;
}
