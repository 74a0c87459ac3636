/** How surely a person has proved who they are, from the lowest level to the highest, as NIST SP 800-63B-4 has them. */
export const assuranceLevels = ["aal1", "aal2", "aal3"] as const;

export type AssuranceLevel = (typeof assuranceLevels)[number];
