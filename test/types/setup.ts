import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packInto, run } from "../../scripts/npm.ts";
import { FOLDER } from "./consumer.ts";

/** Installs the compilers of package.json, where that has not been done yet, and beside them the packed package. */
export default function setup(): void {
  const same = (file: string) =>
    existsSync(join(FOLDER, file)) &&
    readFileSync(join(FOLDER, file), "utf8") === readFileSync(join(import.meta.dirname, file), "utf8");
  if (!(same("package-lock.json") && existsSync(join(FOLDER, "node_modules")))) {
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(FOLDER, { recursive: true });
    for (const file of ["package.json", "package-lock.json"])
      copyFileSync(join(import.meta.dirname, file), join(FOLDER, file));
    run("npm", ["ci", "--no-audit", "--no-fund", "--silent"], FOLDER);
  }
  const installed = join(FOLDER, "node_modules", "plainbert");
  rmSync(installed, { recursive: true, force: true });
  mkdirSync(installed);
  const packed = mkdtempSync(join(tmpdir(), "plainbert-types-"));
  try {
    run("tar", ["-xzf", packInto(packed), "-C", installed, "--strip-components=1"]);
  } finally {
    rmSync(packed, { recursive: true });
  }
}
