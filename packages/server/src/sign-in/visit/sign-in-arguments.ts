import { SessionsError, toStorableJson } from "@sessions/core/internal";

const MAX_OWNER = 200;
const MAX_FACTORS = 10;
const MAX_DEVICE = 100;

export interface SignInArguments {
  readonly owner: string;
  readonly factors: readonly string[];
  readonly device: string;
}

/** @throws {SessionsError} `context_invalid`, without the value: it may be the name of a person. */
export function checkedSignInArguments({
  owner,
  factors,
  device,
  as,
}: {
  readonly [name in keyof SignInArguments | "as"]: unknown;
}): SignInArguments {
  if (!isText(owner, MAX_OWNER)) {
    throw new SessionsError("context_invalid", "`signInAs` takes an owner, a text of 1 to 200 characters.");
  }
  if (owner.startsWith("visitor-")) {
    throw new SessionsError(
      "context_invalid",
      "`signInAs` takes no visitor. Ids that begin with `visitor-` are theirs.",
    );
  }
  if (!areFactors(factors)) {
    throw new SessionsError("context_invalid", '`factors` are one to ten words, such as ["password", "totp"].');
  }
  if (!isText(device, MAX_DEVICE)) {
    throw new SessionsError("context_invalid", "`device` is a text of 1 to 100 characters.");
  }
  if (as !== undefined && as !== "cookie" && as !== "bearer") {
    throw new SessionsError("context_invalid", '`as` is "cookie" or "bearer".');
  }
  return { owner, factors, device };
}

function areFactors(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.length <= MAX_FACTORS && value.every(isFactor);
}

const isFactor = (factor: unknown) => typeof factor === "string" && /^[a-z][a-z0-9_]{0,31}$/.test(factor);

function isText(value: unknown, atMost: number): value is string {
  return typeof value === "string" && value !== "" && value.length <= atMost && toStorableJson(value).ok;
}
