/** Two-digit numbers. */
const LEAST = 10;
const COUNT = 90;

/** The number that the asking screen shows, and the three among which the owner picks it. */
export interface DrawnNumbers {
  readonly number: number;
  readonly choices: readonly [number, number, number];
}

/** Draws three different numbers in a random order, and one of them. */
export function drawNumbers(random: (bytes: number) => Uint8Array): DrawnNumbers {
  const drawn = new Set<number>();
  while (drawn.size < 3) drawn.add(LEAST + below(COUNT, random));
  const [first, second, third] = [...drawn];
  const choices = [first!, second!, third!] as const;
  return { number: choices[below(3, random)]!, choices };
}

/** A whole number below `end`, all equally likely. */
function below(end: number, random: (bytes: number) => Uint8Array): number {
  for (;;) {
    const [byte] = random(1);
    if (byte! < 256 - (256 % end)) return byte! % end;
  }
}
