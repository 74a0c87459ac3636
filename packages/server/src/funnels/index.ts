export { createFunnels, type Funnels, type FunnelsOptions } from "./funnels.ts";
