import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { handler } from "./service.mjs";

const app = new Hono();
app.get("/", (context) => context.text("the program's own"));
app.mount("/bert", handler);
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => {
  console.log(`http://127.0.0.1:${port}/bert/`);
});
