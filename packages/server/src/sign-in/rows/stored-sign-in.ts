import type { SignInFacts } from "../sign-in-facts.ts";
import type { DeviceBinding } from "../token/device-binding.ts";
import type { RotationState } from "../token/rotation.ts";

/** A live sign-in as it is stored. Times are in milliseconds since 1970. */
export interface StoredSignIn extends SignInFacts {
  readonly owner: string;
  /** The public id. */
  readonly id: string;
  /** Base64url. */
  readonly csrf: string;
  readonly rotation: RotationState;
  /** Null if it is bound to no device. */
  readonly binding: DeviceBinding | null;
  /** How often the sign-ins of everybody had been ended when this one began. */
  readonly epoch: number;
}

/** A sign-in with the end of its history, to which an entry can be added. */
export interface SignInWithHistoryHead extends StoredSignIn {
  /** The number of the newest history entry. */
  readonly lastEntry: number;
  /** The hash of the newest history entry. Null before the first one. */
  readonly lastHash: Uint8Array | null;
}
