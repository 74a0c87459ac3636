/** The owner whose name and password these are, or null. Put your application's own check here: this one knows one person. */
export function ownerOf(sent: unknown): string | null {
  const { name, password } = Object(sent) as { name?: unknown; password?: unknown };
  return name === "ada" && password === "analytical engine" ? "ada" : null;
}
