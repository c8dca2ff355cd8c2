import { testAltered } from "./altered.ts";

testAltered(300); // altered.slow.test.ts has 10,000: each writes files and waits for the disk
