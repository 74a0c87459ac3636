/** Transfers that a customer can complete in a calendar month. */
export const COMPLETED_AT_MOST = 20;

/** Transfers that a customer can have open at once, on all devices together. */
export const OPEN_AT_MOST = 5;

/** The bank's own time: a month begins when it does there. */
export const BANK_TIME_ZONE = "Europe/Brussels";
