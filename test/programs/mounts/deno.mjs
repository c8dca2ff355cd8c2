import { handler } from "./service.mjs";

Deno.serve({ hostname: "127.0.0.1", port: 0 }, handler); // prints its address
