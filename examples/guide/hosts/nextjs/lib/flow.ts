import { repair as ofTutorial } from "../../../tutorial/flow.ts";

export const repair = ofTutorial;
