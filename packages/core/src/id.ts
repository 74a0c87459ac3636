import { z } from "zod";

/** A UUIDv7 in lower case (RFC 9562), minted by the client: ids of one moment lie together in an index. */
export const idSchema = z.uuidv7().lowercase();
