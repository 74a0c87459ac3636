import { expect, test } from "vitest";
import { freshDatabase } from "../../testing/postgres.ts";
import { Random } from "../../testing/random.ts";
import { textHash } from "./text-hash.ts";

const { pool } = await freshDatabase();

test("the hash of a text is Postgres' own, whatever its length", async () => {
  const random = new Random(7);
  const letters = ["a", "b", "c", "Ä", "ß", "€", "😀", " ", "-", "0"];
  const texts = Array.from({ length: 200 }, (_, length) =>
    Array.from({ length: length % 50 }, () => letters[random.between(0, letters.length - 1)]).join(""),
  );
  const { rows } = await pool.query<{ hash: number }>(
    `select hashtext(given collate "C") as hash from unnest($1::text[]) with ordinality as list (given, n) order by n`,
    [texts],
  );
  expect(texts.map(textHash)).toEqual(rows.map(({ hash }) => hash));
});
