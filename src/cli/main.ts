#!/usr/bin/env node
/**
 * The command `plainbert`. Exit codes: 0 all is well, 1 the work failed, 2 the command line is wrong, 130 and 143
 * interrupted.
 */
import { handleInterrupts } from "./interrupt.ts";
import { runCommand } from "./runCommand.ts";

handleInterrupts();
process.stdout.on("error", () => {}); // each write reports its own, see print
process.stderr.on("error", () => {}); // where standard error is closed, no message can be read
process.exit(await runCommand(process.argv.slice(2), process));
