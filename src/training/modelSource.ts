import type { HubOptions } from "../hub/hubOptions.ts";
import type { OptionNames } from "../options.ts";

/** Where `finetune`, `pretrain` and `evaluate` get their model from, as `loadBert` does. */
export type ModelSourceOptions = Pick<
  HubOptions,
  "revision" | "token" | "cache_dir" | "local_files_only" | "force_download" | "assets" | "progress_callback"
>;

export const MODEL_SOURCE_OPTIONS: OptionNames<ModelSourceOptions> = {
  revision: true,
  token: true,
  cache_dir: true,
  local_files_only: true,
  force_download: true,
  assets: true,
  progress_callback: true,
};
