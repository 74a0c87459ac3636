export function numberOrNull(text: string | number | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}
