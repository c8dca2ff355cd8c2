import { testAltered } from "./altered.ts";
import { RUNS } from "./mutations.ts";

testAltered(RUNS);
