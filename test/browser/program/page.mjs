import * as plainbert from "plainbert";
import * as training from "plainbert/training";
import { programOf } from "./program.mjs";

globalThis.workerFile = "/out/worker.js";
globalThis.program = programOf(plainbert, training);
