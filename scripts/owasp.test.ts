import { expect, test } from "vitest";
import { testLinks } from "./links.ts";
import { read } from "./repository.ts";

interface Row {
  readonly number: string;
  readonly answer: string;
  readonly why: string;
  readonly tests: number;
}

/** The rows of the page's tables whose first cell is a number. */
const rows: readonly Row[] = read("docs/sign-ins/owasp.md")
  .split("\n")
  .filter((line) => /^\| \d/.test(line))
  .map((line) => {
    const [, number, , answer, why, proof] = line.split("|").map((cell) => cell.trim());
    return { number: number!, answer: answer!, why: why!, tests: testLinks(proof!).length };
  });

/** How many requirements each section of ASVS 5.0 has. */
const asvs = { "3.3": 5, "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2 };
/** The lists with numbers in section 5 of NIST SP 800-63B-4. */
const nist = { "5.1, list": 6, "5.1.1": 7 };

test("docs/sign-ins/owasp.md has each requirement of ASVS V7 and V3.3 once", () => {
  const wanted = Object.entries(asvs).flatMap(([section, count]) =>
    Array.from({ length: count }, (_, index) => `${section}.${index + 1}`),
  );
  const own = rows.map(({ number }) => number).filter((number) => /^[37]\./.test(number));
  expect(own.toSorted()).toEqual(wanted.toSorted());
});

test("docs/sign-ins/owasp.md has each numbered requirement of NIST SP 800-63B-4 section 5 once, and each of its sections", () => {
  const own = rows.map(({ number }) => number).filter((number) => number.startsWith("5."));
  for (const [list, count] of Object.entries(nist)) {
    const wanted = Array.from({ length: count }, (_, index) => `${list}, ${index + 1}`);
    expect(own.filter((number) => number.startsWith(`${list}, `))).toEqual(wanted);
  }
  for (const section of ["5.1", "5.1.2", "5.2", "5.3"]) expect(own).toContain(section);
});

test("each row of docs/sign-ins/owasp.md has an answer and a reason, and each yes has a test", () => {
  for (const { number, answer, why, tests } of rows) {
    expect(["yes", "the host's", "no"], number).toContain(answer);
    expect(why, number).not.toBe("");
    if (answer === "yes") expect(tests, number).toBeGreaterThan(0);
  }
});
