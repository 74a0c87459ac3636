import { HANG_MS, OVERLAP_MS } from "../../../server/src/sign-in/token/rotation.ts";
import type { Random } from "../../../server/src/testing/random.ts";
import { Agenda } from "./agenda.ts";
import { HonestBrowser, UNWRITTEN_MS } from "./honest-browser.ts";
import { BrokenPromiseError, SignInNodes } from "./sign-in-nodes.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** One browser of an honest owner, in a bad world. It must stay signed in. */
export function simulateHonest(random: Random): void {
  const agenda = new Agenda(0);
  const rotateMs = random.pick([15 * MINUTE_MS, 60 * MINUTE_MS, DAY_MS]);
  const nodes = new SignInNodes(agenda, random, rotateMs);
  const browser = new HonestBrowser(agenda, random, nodes, {
    lost: random.pick([0, 10, 30, 60]),
    hung: random.pick([0, 5, 20, 50]),
  });
  const crashes = random.pick([0, 0, 10, 30, 60]);

  function burst(): void {
    const count = random.pick([1, 1, 1, 2, 4, 8]);
    for (let at = 0; at < count; at += 1) agenda.after(random.between(0, 1_000), () => browser.send());
  }

  // What can go wrong goes wrong near a change of the cookie.
  browser.onChange = () => {
    if (random.between(1, 100) <= crashes) {
      agenda.after(random.between(0, UNWRITTEN_MS + 5_000), () => {
        browser.crash();
        agenda.after(random.pick([1, 10, 300, 86_400]) * random.between(1, 2_000), burst);
      });
    }
    if (random.between(1, 3) === 1)
      agenda.after(random.pick([HANG_MS, OVERLAP_MS, 2 * HANG_MS]) + random.between(-5_000, 20_000), burst);
    if (random.between(1, 3) === 1) agenda.after(random.between(0, 15 * MINUTE_MS), burst);
  };

  let rest = random.between(4, 16);
  function browse(): void {
    requireLive(nodes);
    if (random.between(1, 6) === 1) forge(nodes, random);
    if (random.between(1, 8) === 1 && nodes.liveSecrets() > 2)
      throw new BrokenPromiseError("S16: more than two secrets are accepted at once");
    burst();
    rest -= 1;
    if (rest <= 0) return;
    const gaps = [SECOND_MS, SECOND_MS, 30 * SECOND_MS, 5 * MINUTE_MS, rotateMs, rotateMs, 3 * DAY_MS];
    agenda.after(random.pick(gaps) * (0.5 + random.next()), browse);
  }
  browse();
  agenda.run(200 * DAY_MS);
  requireLive(nodes);
  let isAnswered = false;
  // Some replies are lost.
  for (let attempt = 0; attempt < 40 && !isAnswered; attempt += 1) {
    browser.send(() => (isAnswered = true));
    agenda.run(agenda.nowMs + 3 * HANG_MS);
  }
  if (!isAnswered) throw new BrokenPromiseError("S16: an honest browser is refused for ever");
  requireLive(nodes);
}

function requireLive({ endedMs, row, movedMs }: SignInNodes): void {
  if (endedMs === undefined) return;
  const afterMs = endedMs - (movedMs.get(row.generation) ?? 0);
  throw new BrokenPromiseError(`S16: an honest browser is signed out, ${afterMs / SECOND_MS} s after a rotation`);
}

/** Tokens that nobody was given. They are nobody, and change nothing. */
function forge(nodes: SignInNodes, random: Random): void {
  const { row } = nodes;
  const { secret, branch } = random.pick([...nodes.secrets.values()]);
  const generation = random.between(0, row.generation + 3);
  const isOwn = nodes.secrets.get(generation)?.secret === secret;
  const forged = isOwn ? secret.map((byte) => byte ^ random.between(1, 255)) : secret;
  nodes.check({ generation, branch, secret: forged }, ({ kind }) => {
    if (kind !== "nobody") throw new BrokenPromiseError("S18: a forged token is somebody");
  });
  if (nodes.row !== row || nodes.endedMs !== undefined)
    throw new BrokenPromiseError("S16: a forged token changed the sign-in");
}
