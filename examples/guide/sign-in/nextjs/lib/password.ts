import { ownerOf as ofGuide } from "../../password.ts";

export const ownerOf = ofGuide;
