/** The owner whose password this is, or null. Replace it by your application's own check: this one knows one person. */
export function ownerOf({ name, password }: { readonly name?: unknown; readonly password?: unknown }): string | null {
  return name === "ada" && password === "analytical engine" ? "ada" : null;
}
