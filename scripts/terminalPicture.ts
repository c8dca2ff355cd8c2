/**
 * Writes docs/terminal.svg, the picture on docs/command-line.md: what two commands print on a terminal, from the sources.
 *
 *     npm run docs
 *
 * A test compares the file with what this would write.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
export const PICTURE_FILE: string = join(root, "docs", "terminal.svg");

const COMMANDS = [
  ["fill-mask", "She opened the [MASK] and looked out."],
  ["sentence-similarity", "The sea was calm.", "There was no wind on the water.", "She shut the window."],
];

/** Pixels: of a character of 15 pixels, of a line, around the text. */
const [COLUMN, LINE, MARGIN] = [9.03, 21, 22];
const WIDTH = 84;

/** Classes of the picture by the escape sequence (ECMA-48, SGR) that begins or ends them. */
const STYLES: Readonly<Record<string, readonly [name: string, begins: boolean]>> = {
  "1": ["bold", true],
  "22": ["bold", false],
  "32": ["green", true],
  "33": ["yellow", true],
  "36": ["cyan", true],
  "39": ["colour", false],
};

/** The picture's lines: what is typed, and what is printed, a space where there is nothing. */
function terminalLines(): string[] {
  return COMMANDS.flatMap(([task, ...texts]) => {
    const env = { ...process.env, FORCE_COLOR: "1", COLUMNS: String(WIDTH), NO_COLOR: undefined };
    const args = [join(root, "src/cli/main.ts"), task, ...texts];
    const { stdout, status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env });
    if (status !== 0) throw new Error(stderr);
    const typed = `npx plainbert ${task} ${texts.map((text) => `"${text}"`).join(" ")}`;
    return [...folded(typed), ...stdout.trimEnd().split("\n"), ""];
  }).slice(0, -1);
}

/** A command in lines of the terminal's width, as a shell takes it. */
function folded(command: string): string[] {
  const lines = [""];
  for (const word of command.match(/"[^"]*"|\S+/g) ?? []) {
    if (lines[lines.length - 1].length + word.length > WIDTH - 4) lines.push("   ");
    lines[lines.length - 1] += ` ${word}`;
  }
  const shown = lines.map((line, n) => (n < lines.length - 1 ? `${line} \\` : line));
  return [`\u001b[1m$${shown[0]}\u001b[22m`, ...shown.slice(1).map((line) => `\u001b[1m${line}\u001b[22m`)];
}

/** A line with its escape sequences as elements of SVG. */
function styledText(line: string): string {
  const on = new Set<string>();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  const parts = line.split(/\u001b\[(\d+)m/);
  return parts
    .map((part, n) => {
      if (n % 2 === 1) {
        const [name, begins] = STYLES[part];
        if (name === "colour") for (const colour of ["green", "yellow", "cyan"]) on.delete(colour);
        else if (begins) on.add(name);
        else on.delete(name);
        return "";
      }
      const text = part.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
      return on.size === 0 || text === "" ? text : `<tspan class="${[...on].join(" ")}">${text}</tspan>`;
    })
    .join("");
}

/** The whole file. */
export function terminalPicture(): string {
  const lines = terminalLines();
  const [width, height] = [Math.ceil(WIDTH * COLUMN) + 2 * MARGIN, lines.length * LINE + 2 * MARGIN];
  const texts = lines.flatMap((line, n) => {
    const y = MARGIN + LINE * n + 15;
    return line === "" ? [] : [`<text x="${MARGIN}" y="${y}" xml:space="preserve">${styledText(line)}</text>`];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<title>What two commands of plainbert print on a terminal</title>
<style>
text { font: 15px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; }
rect { fill: #f6f8fa; stroke: #d1d9e0; }
.bold { font-weight: 700; } .green { fill: #116329; } .yellow { fill: #7d4e00; } .cyan { fill: #1b7c83; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } rect { fill: #0d1117; stroke: #30363d; }
  .green { fill: #7ee787; } .yellow { fill: #e3b341; } .cyan { fill: #56d4dd; }
}
</style>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${texts.join("\n")}
</svg>
`;
}

if (process.argv[1] === import.meta.filename) writeFileSync(PICTURE_FILE, terminalPicture());
