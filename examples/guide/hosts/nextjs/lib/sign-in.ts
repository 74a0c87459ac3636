/** The signed-in user. Replace it by your application's own sign-in: this one believes every cookie. */
export function userOf(cookies: string | undefined): { readonly id: string } | null {
  const [, id] = /(?:^|; )user=([\w-]+)/.exec(cookies ?? "") ?? [];
  return id === undefined ? null : { id };
}
