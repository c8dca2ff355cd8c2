import type { OptionNames } from "../options.ts";

/** How a model of a hub is found and fetched. Names and defaults are those of Hugging Face's libraries. */
export interface HubOptions {
  /** A branch, a tag or a commit's 40 digits. Default "main". */
  readonly revision?: string;
  /**
   * For private and gated models. Default: none in a browser; else HF_TOKEN, or the token of `hf auth login`, unless
   * HF_HUB_DISABLE_IMPLICIT_TOKEN is set. false: none. It is sent to the hub alone, never to a host that the hub
   * redirects to.
   */
  readonly token?: string | false;
  /** The hub's address. Default: HF_ENDPOINT, or https://huggingface.co. */
  readonly endpoint?: string;
  /**
   * The folder of the cache; not in a browser, which keeps files in its Cache API. Default: HF_HUB_CACHE, HF_HOME/hub,
   * or ~/.cache/huggingface/hub, as in Python.
   */
  readonly cache_dir?: string;
  /** Take what the cache has, without any request. Default false; true where HF_HUB_OFFLINE is set. */
  readonly local_files_only?: boolean;
  /**
   * Fetch every file again, though the cache has it, and put it in place of what is there. Default false. Files of the
   * cache that do not fit their hash are fetched again without it, as far as that is looked at: small files each time,
   * large ones when they cannot be read, all by `downloadModel`.
   */
  readonly force_download?: boolean;
  /** Called with every step of a model's files, as transformers.js calls it. */
  readonly progress_callback?: (progress: ProgressInfo) => void;
  /**
   * The folder, a path or a URL, with copies of the files of `plainbert/weights/*` and `plainbert/workers/*`: for a
   * program whose bundler leaves them behind. Default: where the package has them.
   */
  readonly assets?: string | URL;
  /**
   * Stops a download; what was received stays for the next one to resume. The promise rejects with the signal's reason.
   */
  readonly signal?: AbortSignal;
}

export const HUB_OPTIONS: OptionNames<HubOptions> = {
  revision: true,
  token: true,
  endpoint: true,
  cache_dir: true,
  local_files_only: true,
  force_download: true,
  progress_callback: true,
  assets: true,
  signal: true,
};

/** How much of one file is there, in bytes. */
export interface FileProgress {
  readonly loaded: number;
  readonly total: number;
}

/**
 * One step: for each file `initiate`, `download` if it is not in the cache, `progress` (with `progress_total`, which
 * adds up the model's files, before each), and `done`; for a pipeline `ready` at last. `progress` is in percent, `name`
 * is the model's id. For a folder on disk, only `ready` is reported.
 */
export type ProgressInfo =
  | { readonly status: "initiate" | "download" | "done"; readonly name: string; readonly file: string }
  | ({
      readonly status: "progress";
      readonly name: string;
      readonly file: string;
      readonly progress: number;
    } & FileProgress)
  | ({
      readonly status: "progress_total";
      readonly name: string;
      readonly progress: number;
      readonly files: Readonly<Record<string, FileProgress>>;
    } & FileProgress)
  | { readonly status: "ready"; readonly task: string; readonly model: string };
