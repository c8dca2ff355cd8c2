import * as plainbert from "plainbert";
import { check } from "./check.mjs";

/** Prints what it finds as a line of JSON; the environment says where the program's own model is and, for the step, the files. */
const { MODEL: folder, ASSETS: assets } = process.env;
check(plainbert, { folder, assets }).then((found) => console.log(JSON.stringify(found)));
