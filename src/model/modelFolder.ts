/** Hugging Face's name of the configuration, and Google's. */
export const CONFIG_FILES = ["config.json", "bert_config.json"] as const;

/** The folder of the small model that comes with the package. */
export const BUNDLED_MODEL: URL = new URL("../../weights/", import.meta.url);
