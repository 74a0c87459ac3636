export { createSecondaryStorage, type SecondaryStorage, type SecondaryStorageOptions } from "./secondary-storage.ts";
