/** Who is signed in. It stands for what your application has: this one believes whatever the cookie says. */
export function userOf(cookies: string | undefined): { readonly id: string } | null {
  const [, id] = /(?:^|; )user=([\w-]+)/.exec(cookies ?? "") ?? [];
  return id === undefined ? null : { id };
}
