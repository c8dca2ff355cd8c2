import { handler } from "../../service.mjs";

export const dynamic = "force-dynamic";
export const GET = handler;
export const POST = handler;
