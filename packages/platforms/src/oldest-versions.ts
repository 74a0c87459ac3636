/** The oldest browsers that client, core and react run in. docs/operating/platforms.md and the client's README say the same. */
export const oldestBrowsers = { chrome: 109, edge: 109, firefox: 115, safari: 16.4 } as const;

export type Browser = keyof typeof oldestBrowsers;
