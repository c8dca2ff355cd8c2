import type { Option, OptionTable } from "./option.ts";

/** What a shell completes of a command. */
export interface Completable {
  readonly name: string;
  readonly summary: string;
  readonly options: OptionTable;
  /** What the arguments beside the options are. Left out: texts, for which there is no completion. */
  readonly positional?: "file" | readonly string[];
}

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** The script that teaches a shell to complete the command `plainbert`. */
export function completionScript(shell: Shell, commands: readonly Completable[]): string {
  return { bash, zsh, fish }[shell](commands);
}

/**
 * The script for bash from 3.2, which macOS has. Where COMPREPLY stays empty, bash offers files, unless told not to.
 */
function bash(commands: readonly Completable[]): string {
  const values = commands.flatMap(({ name, options }) =>
    Object.entries(options)
      .filter(([, { placeholder }]) => placeholder !== undefined)
      .map(([option, declared]) => `    "${name} --${option}") ${bashValue(declared)}; return ;;`),
  );
  const names = commands.map(({ name, options, positional }) => {
    const words = Array.isArray(positional) ? positional.join(" ") : "";
    const others = positional === "file" ? ":" : words === "" ? NO_FILES : bashWords(words);
    return `    ${name}) if [[ $word == -* ]]; then ${bashWords(dashed(options).join(" "))}; else ${others}; fi ;;`;
  });
  return `# Completion of plainbert for bash: source this file, from ~/.bashrc, say.
_plainbert() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} IFS=$' \\t\\n'
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then ${bashWords([...commands.map(({ name }) => name), "--help", "--version"].join(" "))}; return; fi
  if [[ $word == "=" ]]; then word=; elif [[ $previous == "=" ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}; fi
  case "\${COMP_WORDS[1]} $previous" in
${values.join("\n")}
  esac
  case "\${COMP_WORDS[1]}" in
${names.join("\n")}
  esac
}
complete -o default -F _plainbert plainbert
`;
}

const NO_FILES = "compopt +o default 2>/dev/null";

function bashWords(words: string): string {
  return `COMPREPLY=($(compgen -W "${words}" -- "$word"))`;
}

function bashValue({ choices, completes }: Option): string {
  if (choices) return bashWords(choices.join(" "));
  if (completes === "folder")
    return `IFS=$'\\n'; COMPREPLY=($(compgen -d -- "$word")); compopt -o filenames 2>/dev/null`;
  return completes === "file" ? ":" : NO_FILES;
}

function zsh(commands: readonly Completable[]): string {
  const described = commands.map(({ name, summary }) => `    ${single(`${name}:${summary}`)}`);
  const cases = commands.map(({ name, options, positional }) => {
    const specs = Object.entries(options).map(([option, declared]) => `      ${zshOption(option, declared)}`);
    if (positional !== undefined) {
      specs.push(`      ${single(`*:argument:${positional === "file" ? "_files" : `(${positional.join(" ")})`}`)}`);
    }
    return `    ${name}) _arguments \\\n${specs.join(" \\\n")} ;;`;
  });
  return `#compdef plainbert
# Completion of plainbert for zsh: save this as _plainbert in a folder of $fpath, or source it after compinit.
_plainbert() {
  local -a commands=(
${described.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join("\n")}
  esac
}
if [[ $funcstack[1] == _plainbert ]]; then _plainbert "$@"; else compdef _plainbert plainbert; fi
`;
}

function zshOption(name: string, { short, placeholder, description, choices, completes }: Option): string {
  const explained = `[${gist(description).replace(/[\][\\:]/g, "\\$&")}]`;
  if (placeholder === undefined) {
    if (short === undefined) return single(`--${name}${explained}`);
    return `'(-${short} --${name})'{-${short},--${name}}${single(explained)}`;
  }
  const values = choices
    ? `(${choices.join(" ")})`
    : completes === "folder"
      ? "_files -/"
      : completes === "file"
        ? "_files"
        : " ";
  const value = `${explained}:${choices ? name : placeholder}:${values}`;
  return short === undefined ? single(`*--${name}=${value}`) : `'*'{-${short}+,--${name}=}${single(value)}`;
}

function fish(commands: readonly Completable[]): string {
  const lines = commands.flatMap(({ name, summary, options, positional }) => {
    const on = `complete -c plainbert -n "__plainbert_command ${name}"`;
    return [
      `complete -c plainbert -n "not __plainbert_command" -a ${name} -d ${fishQuoted(summary)}`,
      ...(positional === "file" ? [`${on} -F`] : positional ? [`${on} -a "${positional.join(" ")}"`] : []),
      ...Object.entries(options).map(
        ([option, declared]) =>
          `${on} ${declared.short === undefined ? "" : `-s ${declared.short} `}-l ${option}${fishValue(declared)} -d ${fishQuoted(gist(declared.description))}`,
      ),
    ];
  });
  return `# Completion of plainbert for fish: save this as ~/.config/fish/completions/plainbert.fish.
# Whether there is a command; with a name, whether it is this one.
function __plainbert_command
  set -l words (commandline -opc)
  test (count $words) -gt 1; or return 1
  test (count $argv) -eq 0; or test "$words[2]" = "$argv[1]"
end
complete -c plainbert -f
${lines.join("\n")}
`;
}

function fishValue({ placeholder, choices, completes }: Option): string {
  if (placeholder === undefined) return "";
  if (choices) return ` -x -a "${choices.join(" ")}"`;
  if (completes === "folder") return ` -x -a "(__fish_complete_directories)"`;
  return completes === "file" ? " -r -F" : " -x";
}

function dashed(options: OptionTable): string[] {
  return Object.keys(options).map((name) => `--${name}`);
}

/** A description as far as there is room for it beside an option. */
function gist(description: string): string {
  return description.split(/[.;](?: |$)/)[0];
}

/** The text in single quotes, as bash and zsh read them. */
function single(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
