import { z } from "zod";

// In a page zod tries whether it may make code, once. Under a strict content security policy the browser reports that
// as a violation. Nothing that a page parses here is worth it, so zod is told not to, unless the application has said.
if ("document" in globalThis && z.config().jitless === undefined) z.config({ jitless: true });
