import { printable } from "../errors.ts";
import { isTrue } from "../hub/environment.ts";
import type { HubOptions, ProgressInfo } from "../hub/options.ts";
import { downloadModel } from "../pipelines/index.ts";
import { type Arguments, type Command, expectCount } from "./command.ts";
import { print } from "./output.ts";

export const command: Command = {
  help: `Downloads a model into the cache, and prints its folder.

Usage: plainbert download [options] MODEL

  MODEL              the model's id on the hub, such as google-bert/bert-base-cased
  --revision REV     a branch, a tag or a commit (default: main)
  --cache-dir DIR    the cache (default: HF_HUB_CACHE, HF_HOME/hub or ~/.cache/huggingface/hub, shared with Python)
  --token TOKEN      for private and gated models (default: HF_TOKEN, or the token of "hf auth login")
  -h, --help         this text

What is in the cache is not downloaded again; what was interrupted goes on where it stopped. HF_ENDPOINT names another
hub; HTTPS_PROXY and NO_PROXY are honoured. A token on the command line can be seen by others on the machine: prefer HF_TOKEN.

Examples:
  $ plainbert download google-bert/bert-base-cased
  $ plainbert fill-mask --model "$(plainbert download google-bert/bert-base-cased)" "Hello I'm a [MASK] model."
`,
  options: { revision: { type: "string" }, "cache-dir": { type: "string" }, token: { type: "string" } },
  run,
};

async function run({ values, positionals }: Arguments): Promise<void> {
  expectCount(positionals, 1, 1, "one model, such as google-bert/bert-base-cased");
  const given = { revision: values.revision, token: values.token, cache_dir: values["cache-dir"] };
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as HubOptions;
  const shows = process.stderr.isTTY && !isTrue(process.env.HF_HUB_DISABLE_PROGRESS_BARS);
  const line = shows ? new ProgressLine() : null;
  try {
    const folder = await downloadModel(positionals[0], { ...options, ...(line && { progress_callback: line.show }) });
    line?.clear();
    await print(`${folder}\n`);
  } catch (error) {
    line?.clear();
    throw error;
  }
}

/** How far the download is, in one line of the terminal that overwrites itself. */
class ProgressLine {
  private readonly start = performance.now();
  /** What the cache had is not part of the speed. */
  private before = 0;
  private downloading = "";

  readonly show = (info: ProgressInfo): void => {
    if (info.status === "download") this.downloading = printable(info.file, 60);
    if (info.status !== "progress_total") return;
    if (this.downloading === "") this.before = info.loaded;
    const rate = (info.loaded - this.before) / (performance.now() - this.start) / 1000;
    const sizes = `${megabytes(info.loaded)} of ${megabytes(info.total)} MB`;
    process.stderr.write(
      `\r\x1b[K${info.progress.toFixed(0)} %, ${sizes}, ${rate.toFixed(1)} MB/s ${this.downloading}`,
    );
  };

  clear(): void {
    process.stderr.write("\r\x1b[K");
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
