import { transfer as ofBank } from "../bank.ts";

export const transfer = ofBank;
