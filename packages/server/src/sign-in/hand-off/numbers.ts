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
  const drawn: number[] = [];
  while (drawn.length < 3) {
    const number = LEAST + below(COUNT, random);
    if (!drawn.includes(number)) drawn.push(number);
  }
  const choices = drawn as unknown as DrawnNumbers["choices"];
  return { number: choices[below(3, random)]!, choices };
}

/** A whole number below `end`, all equally likely. */
function below(end: number, random: (bytes: number) => Uint8Array): number {
  for (;;) {
    const [byte] = random(1);
    if (byte! < 256 - (256 % end)) return byte! % end;
  }
}
