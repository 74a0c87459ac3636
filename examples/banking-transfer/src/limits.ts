/** The most transfers that a customer can complete in a calendar month. */
export const COMPLETED_AT_MOST = 20;

/** The most transfers that a customer can have open at once, on all devices together. */
export const OPEN_AT_MOST = 5;

/** The bank's time zone. A calendar month begins by it. */
export const BANK_TIME_ZONE = "Europe/Brussels";

/** Above this amount, in cents, the bank asks for the password again before it sends the money. */
export const PROOF_ABOVE_CENTS = 1_000_00;
