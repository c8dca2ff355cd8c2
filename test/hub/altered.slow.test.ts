import { RUNS } from "../support/altered.ts";
import { testAltered } from "./altered.ts";

testAltered(RUNS);
