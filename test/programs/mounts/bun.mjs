import { handler } from "./service.mjs";

const server = Bun.serve({ hostname: "127.0.0.1", port: 0, idleTimeout: 255, fetch: handler });
console.log(`http://127.0.0.1:${server.port}/`);
