/** The facts of a device that are in a cookie. The browser keeps the cookie when it deletes IndexedDB. */
export interface DeviceCookie {
  /** The device's id; undefined if there is no cookie. */
  readonly device: string | undefined;
  /** Whether the device had changes that the server lacks, or refused changes that wait for the person. */
  readonly unsent: boolean;
  /** Whether the browser has deleted such changes, and the person has not been told. */
  readonly lost: boolean;
}

// The longest life that browsers allow, in seconds.
const LONGEST = 400 * 24 * 3_600;

export function readDeviceCookie(owner: string, profile: string): DeviceCookie {
  const [, device, ...words] = cookies().find(([name]) => name === nameOf(owner, profile)) ?? [];
  return { device, unsent: words.includes("unsent"), lost: words.includes("lost") };
}

export function writeDeviceCookie(owner: string, profile: string, { device, unsent, lost }: DeviceCookie): void {
  put(nameOf(owner, profile), `${device}${unsent ? ".unsent" : ""}${lost ? ".lost" : ""}`, LONGEST);
}

/** Gives the devices of one owner in this browser to another owner: in each profile in which that one has no device. */
export function inheritDeviceCookies(from: string, to: string): void {
  const prefix = nameOf(from, "");
  for (const [name = "", device] of cookies()) {
    const inherited = nameOf(to, "") + name.slice(prefix.length);
    if (!name.startsWith(prefix) || cookies().some(([known]) => known === inherited)) continue;
    put(inherited, `${device}`, LONGEST);
  }
}

/** Deletes the cookies of every profile of the owner. */
export function eraseDeviceCookies(owner: string): void {
  for (const [name = ""] of cookies()) if (name.startsWith(nameOf(owner, ""))) put(name, "", 0);
}

/** The name and the parts of the value of each cookie. */
function cookies(): string[][] {
  try {
    return document.cookie.split("; ").map((cookie) => cookie.split(/[=.]/));
  } catch {
    // A sandboxed frame may have no cookies, and a server has no document.
    return [];
  }
}

function put(name: string, value: string, seconds: number): void {
  try {
    const secure = location.protocol === "https:" ? ";secure" : "";
    document.cookie = `${name}=${value};path=/;samesite=lax;max-age=${seconds}${secure}`;
  } catch {
    // There are no cookies, as above. Without a cookie a lost store looks like a new device.
  }
}

/** The cookie's name. The browser sends cookies to the server, so it holds hashes of the owner and the profile. */
function nameOf(owner: string, profile: string): string {
  return `sessions-${hash(owner)}-${profile && hash(profile)}`;
}

/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv */
function hash(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return (bytes.reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193), 0x811c9dc5) >>> 0).toString(36);
}
