import * as plainbert from "plainbert";
import { check } from "../../check.mjs";

export const dynamic = "force-dynamic";

export async function GET() {
  const { MODEL: folder, ASSETS: assets } = process.env;
  return Response.json(await check(plainbert, { folder, assets }));
}
