import { type Command, defineCommand, expectCount } from "./command.ts";
import { type CacheFolder, cacheFolder, type Machine, machine } from "./machine.ts";
import { MODEL_OPTIONS } from "./modelOptions.ts";
import { flag } from "./option.ts";
import { jsonLine, print, shown, styled } from "./output.ts";
import { measureSpeed, type Speed } from "./speed.ts";

export const command: Command = defineCommand({
  synopsis: ["[OPTION]…"],
  description: `Shows what plainbert finds on this machine: Node, system, processor and what that can do, which backend computes and why, threads, the folder of models that were downloaded, and speed. Takes a second or two.`,
  options: { json: flag("Print the same as one line of JSON."), ...MODEL_OPTIONS },
  examples: ["plainbert doctor", "plainbert doctor --json --threads 1"],
  async run({ values, positionals }) {
    expectCount(positionals, 0, 0, "no argument");
    const here = machine();
    const cache = await cacheFolder(values["cache-dir"]);
    const speed = await measureSpeed(values);
    await print(values.json ? jsonLine({ ...here, cache, ...speed }) : page(here, cache, speed));
  },
});

function page(here: Machine, cache: CacheFolder, { backend, gflops, model, texts }: Speed): string {
  const { width, fused, threads, reason } = backend;
  const lines: [string, string][] = [
    ["plainbert", here.plainbert],
    ["Node", `${here.node}, V8 ${here.v8}`],
    ["system", `${here.system}, ${here.architecture}`],
    ["processor", `${here.processor}, ${here.cores} thread${here.cores === 1 ? "" : "s"} at once`],
    ["features", `${here.features.join(", ") || "unknown"} (${here.featuresFrom})`],
    ["memory", `${(here.memory / 2 ** 30).toFixed(1)} GiB`],
    ["WebAssembly", here.webAssembly.join(", ") || "none"],
    ["backend", `${backend.name}, ${width} bits${fused ? ", fused multiply-add" : ""}`],
    ["why", reason],
    ["threads", `${threads}; memory ${here.sharedMemory ? "is" : "cannot be"} shared among them`],
    ["cache", `${cache.path}, ${cache.state}`],
    ["model", model],
    ["speed", `${gflops.toFixed(1)} GFLOP/s in float32, matrix products of 256 × 768 by 768 × 3072`],
    ...texts.map(({ tokens, milliseconds }): [string, string] => [
      `${tokens} tokens`,
      `${milliseconds.toFixed(milliseconds < 10 ? 2 : 1)} ms for a text of so many`,
    ]),
  ];
  return lines.map(([name, value]) => `${styled("bold", name.padEnd(13))}${shown(value)}\n`).join("");
}
