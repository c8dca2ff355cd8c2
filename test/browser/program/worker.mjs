import * as plainbert from "plainbert";
import { listen, programOf } from "./program.mjs";

listen(programOf(plainbert));
