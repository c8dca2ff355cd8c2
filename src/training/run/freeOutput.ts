import { LOCK } from "../../disk/outputLock.ts";
import { namesIn } from "../../disk/runFolder.ts";
import { BertError, quote } from "../../errors.ts";
import { TEACHER_FOLDER } from "../distillation/teacherCache.ts";
import { checkpointSteps } from "./checkpoint.ts";
import { METRICS_LOG } from "./log.ts";
import type { ResolvedRunOptions } from "./resolvedOptions.ts";

/**
 * Checks that a run that begins has a folder of its own.
 *
 * @throws BertError ERR_FILE `output` is not empty, without `resume`
 */
export async function expectFree(
  where: string,
  { output, resume }: Pick<ResolvedRunOptions, "output" | "resume">,
): Promise<void> {
  const names = (await namesIn(output)).filter((name) => name !== LOCK);
  if (resume || names.length === 0) return;
  const hasSteps = (await checkpointSteps(output)).length > 0;
  const advice = hasSteps ? "; resume goes on with the run in it" : adviceWithout(names);
  throw new BertError("ERR_FILE", `${where}: ${quote(output)} must be empty or not there, is neither${advice}`);
}

/** What can be done with a folder without any checkpoint. */
function adviceWithout(names: readonly string[]): string {
  if (names.includes(TEACHER_FOLDER)) return "; it has a teacher's vectors: resume begins the run with them";
  if (names.some((name) => name !== METRICS_LOG)) return "";
  return "; it has a run that ended before its first checkpoint: resume begins that anew";
}
