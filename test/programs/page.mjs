import * as plainbert from "plainbert";
import { check } from "./check.mjs";

/** The program of a page; `page.ts` calls it. */
globalThis.program = { check: (options) => check(plainbert, options) };
