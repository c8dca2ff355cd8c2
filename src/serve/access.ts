import type { HandlerSettings } from "./handlerSettings.ts";

/** Whether a request has the key that is asked for: `Authorization: Bearer KEY` (RFC 9110, section 11.4). */
export function hasKey({ headers }: Request, { apiKey }: HandlerSettings): boolean {
  const given = headers.get("authorization") ?? "";
  return apiKey === null || isSame(given.replace(/^bearer +/i, "Bearer "), `Bearer ${apiKey}`);
}

/** Compares in a time that does not tell how much of a text is right. */
function isSame(given: string, wanted: string): boolean {
  let differences = given.length ^ wanted.length;
  for (let i = 0; i < wanted.length; i++) differences |= given.charCodeAt(i) ^ wanted.charCodeAt(i);
  return differences === 0;
}

/**
 * What browsers must be told so that pages of another origin may read an answer (CORS, Fetch Standard, section 3.2);
 * nothing where the origin is none of those that may.
 */
export function corsHeaders(request: Request, { corsAllowOrigin }: HandlerSettings): Record<string, string> {
  const origin = request.headers.get("origin");
  if (origin === null || corsAllowOrigin.length === 0) return {};
  if (corsAllowOrigin.includes("*")) return { "access-control-allow-origin": "*" };
  return { vary: "origin", ...(corsAllowOrigin.includes(origin) && { "access-control-allow-origin": origin }) };
}
