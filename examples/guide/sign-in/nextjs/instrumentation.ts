export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const { signIns } = await import("./lib/sign-ins.ts");
  await signIns.migrate();
}
