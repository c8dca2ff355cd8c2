import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.ts";
import { SHELLS } from "../../src/cli/completion.ts";
import { POOLINGS, TEXT_POOLINGS } from "../../src/pipelines/pooling.ts";
import { STORAGE_TYPES } from "../../src/tensor/storage.ts";
import { plainbert } from "./run.ts";

/** The scripts are run by the real shells: what they offer is what a user is offered. */
const folder = await mkdtemp(join(tmpdir(), "plainbert-completion-"));
afterAll(() => rm(folder, { recursive: true }));

beforeAll(async () => {
  await mkdir(join(folder, "a model"));
  await writeFile(join(folder, "book.txt"), "");
  for (const shell of SHELLS) {
    const { stdout, stderr, code } = await plainbert(["completion", shell]);
    expect([code, stderr]).toEqual([0, ""]);
    await writeFile(join(folder, `script.${shell}`), stdout);
  }
});

const isThere = (shell: string) => spawnSync(shell, ["-c", "true"]).status === 0;

/** Runs a line in a shell that has read its script. */
function ask(shell: string, args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(shell, args, { cwd: folder, encoding: "utf8", timeout: 20_000 });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout;
}

/** What each shell offers in place of the last word; zsh tells what it makes of the line, as that is what it shows. */
const OFFERS: Readonly<Record<"bash" | "fish", (words: readonly string[]) => string[]>> = {
  bash: (words) => {
    const script = `source script.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _plainbert; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return ask("bash", ["--norc", "-c", script, "bash", ...words])
      .split("\n")
      .filter(Boolean);
  },
  fish: (words) => {
    const line = words.map((word) => word.replaceAll(" ", "\\ ")).join(" ");
    const offered = ask("fish", ["--no-config", "-c", 'source script.fish; complete -C "$argv[1]"', line]);
    return offered.split("\n").filter(Boolean).map((row) => row.split("\t")[0]); // biome-ignore format: one line
  },
};

const reason = (shell: string) => (isThere(shell) ? shell : `${shell} (skipped, as it is not installed)`);

describe.each(["bash", "fish"] as const)("%s", (shell) => {
  const offers = (...words: string[]) => OFFERS[shell](["plainbert", ...words]).sort();
  const onlyHere = test.skipIf(!isThere(shell));

  onlyHere(`offers every command: ${reason(shell)}`, () => {
    expect(offers("").filter((word) => !word.startsWith("-"))).toEqual(Object.keys(COMMANDS).sort());
    expect(offers("em")).toEqual(["embed"]);
  });

  onlyHere(`offers each command's options, and no others: ${reason(shell)}`, async () => {
    for (const [name, { load }] of Object.entries(COMMANDS)) {
      const options = [...Object.keys((await load()).command.options), "help"].map((option) => `--${option}`);
      expect(offers(name, "--"), name).toEqual(options.sort());
    }
  });

  onlyHere(`offers the values of an option: ${reason(shell)}`, () => {
    expect(offers("embed", "--pooling", "m")).toEqual(["max", "mean", "mean_sqrt_len"]);
    expect(offers("sentence-similarity", "--pooling", "")).toEqual([...TEXT_POOLINGS].sort());
    expect(offers("doctor", "--dtype", "")).toEqual([...STORAGE_TYPES].sort());
    expect(offers("completion", "")).toEqual(["bash", "fish", "zsh"]);
    expect(offers("embed", "--top-k", "")).not.toContain("mean");
  });

  onlyHere(`offers folders where a folder is wanted: ${reason(shell)}`, () => {
    const [offered, ...others] = offers("embed", "--model", "a");
    expect(offered.replace(/\/$/, "").replace("\\ ", " ")).toBe("a model");
    expect(others).toEqual([]);
  });
});

test.skipIf(!isThere("bash"))("bash: the value after an equals sign, which is a word of its own", () => {
  expect(OFFERS.bash(["plainbert", "embed", "--pooling", "=", "m"])).toEqual(["mean", "max", "mean_sqrt_len"]);
  expect(OFFERS.bash(["plainbert", "embed", "--pooling", "="])).toEqual([...POOLINGS]);
});

test.skipIf(!isThere("fish"))("fish: files where a file is wanted, none where a text is", () => {
  expect(OFFERS.fish(["plainbert", "embed", "bo"])).toEqual(["book.txt"]);
  expect(OFFERS.fish(["plainbert", "fill-mask", "bo"])).toEqual([]);
});

test.skipIf(!isThere("zsh"))(`zsh completes in an interactive shell: ${reason("zsh")}`, async () => {
  const typed = {
    "plainbert emb": "plainbert embed ",
    "plainbert embed --norm": "plainbert embed --normalize ",
    "plainbert embed --pooling=fi": "plainbert embed --pooling=first_token ",
    "plainbert embed --pooling fi": "plainbert embed --pooling first_token ",
    "plainbert embed --model a": "plainbert embed --model a\\ model/",
    "plainbert embed bo": "plainbert embed book.txt ",
    "plainbert completion b": "plainbert completion bash ",
    "plainbert serve --por": "plainbert serve --port=",
    "plainbert serve -p 80 --hostn": "plainbert serve -p 80 --hostname=",
    "plainbert doctor --norm": "plainbert doctor --norm",
  };
  // A terminal within zsh: types each line, a tab, and a key whose widget writes the line to a file, and waits for that.
  const script = `
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell 'autoload -Uz compinit; compinit -u -D; source script.zsh; show() { print -r -- "$BUFFER" >> typed }; zle -N show; bindkey "^T" show; print re""ady'
    zpty -r shell output '*ready*'
    integer n=0
    for line in "$@"; do
      (( ++n ))
      zpty -w -n shell $'\\x15'"$line"$'\\t\\x14'
      repeat 60; do [[ -e typed && $(wc -l < typed) -ge $n ]] && break; zpty -r -t shell output; sleep 0.03; done
    done
    zpty -d shell`;
  ask("zsh", ["-f", "-c", script, "zsh", ...Object.keys(typed)]);
  const lines = (await readFile(join(folder, "typed"), "utf8")).split("\n").slice(0, -1);
  expect(lines.map((line) => line.trimEnd())).toEqual(Object.values(typed).map((line) => line.trimEnd()));
});
