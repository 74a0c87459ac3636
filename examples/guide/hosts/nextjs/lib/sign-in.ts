import { userOf as ofHosts } from "../../sign-in.ts";

export const userOf = ofHosts;
