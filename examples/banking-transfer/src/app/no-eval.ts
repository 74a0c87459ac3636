import { config } from "zod";

// Before any schema is made: zod tries whether it may make code, and the page's content security policy reports that.
config({ jitless: true });
