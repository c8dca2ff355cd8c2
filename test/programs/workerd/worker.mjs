import * as plainbert from "plainbert";
import { check } from "./check.mjs";

export default {
  async fetch(_request, { MODEL: folder, ASSETS: assets }) {
    return Response.json(await check(plainbert, { folder, assets }));
  },
};
