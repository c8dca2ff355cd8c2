/**
 * node weights/embeddings/recipe/4-distil.mjs WORK TEACHER START FOLDER
 *
 * The run itself, an hour and a half on two cores. Killed or stopped, it goes on from its last checkpoint when it is started again, to the same bits. The
 * teacher's vectors are those of WORK/taught, computed before.
 */
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { plainbert } from "../../recipe/settings.mjs";
import { DISTILLATION } from "./settings.mjs";

const [work, teacher, start, folder] = process.argv.slice(2);
if (!existsSync(join(folder, "teacher")))
  cpSync(join(work, "taught/teacher"), join(folder, "teacher"), { recursive: true });
await plainbert(
  ...["finetune", "--task", "sentence-embedding", "--teacher", teacher, "--model", start],
  ...["--train-file", join(work, "texts.txt"), "--validation-file", join(work, "validation.txt")],
  ...Object.entries(DISTILLATION).flat(),
  ...["--output", folder, "--resume", "--report", "--json"],
);
