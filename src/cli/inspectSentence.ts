import { BertError, quote } from "../errors.ts";
import type { SentenceFolder, SentenceModule } from "../load/sentenceModules.ts";

/** What `plainbert inspect` shows of a folder of sentence-transformers, each line's name and text. */
export function sentenceLines(folder: SentenceFolder | BertError): [string, string][] {
  if (folder instanceof BertError) return [["cannot be read", folder.message]];
  const { modules, prompts, defaultPromptName, maxSeqLength, doLowerCase, similarity, truncateDim, task } = folder;
  const { queryLength, documentLength, hiddenState } = folder;
  const given = Array.from(prompts).filter(([, prompt]) => prompt !== "");
  const lines: [string, string][] = [["modules", modulesLine(modules)]];
  if (task !== "feature-extraction") lines.push(["task", task]);
  if (given.length > 0) lines.push(["prompts", given.map(([name, prompt]) => `${name} ${quote(prompt)}`).join(", ")]);
  if (defaultPromptName !== null) lines.push(["default prompt", defaultPromptName]);
  lines.push(["length", maxSeqLength === null ? "the tokenizer's and the model's" : `${maxSeqLength} tokens`]);
  if (queryLength !== null) lines.push(["length of a query", `${queryLength} tokens`]);
  if (documentLength !== null) lines.push(["length of a document", `${documentLength} tokens`]);
  if (hiddenState !== null) lines.push(["hidden state", `hidden_states[${hiddenState}]`]);
  if (doLowerCase) lines.push(["letters", "made small"]);
  lines.push(["similarity", similarity]);
  if (truncateDim !== null) lines.push(["numbers of a vector", `the first ${truncateDim}`]);
  return lines;
}

/** The same as JSON, by the names that sentence-transformers has for it. */
export function sentenceFields(folder: SentenceFolder | BertError): object {
  if (folder instanceof BertError) return { error: folder.message };
  const { modules, prompts, defaultPromptName, maxSeqLength, doLowerCase, similarity, truncateDim, task } = folder;
  const { queryLength, documentLength, hiddenState } = folder;
  return {
    modules: modules instanceof BertError ? null : ["Transformer", ...modules.map(moduleText)],
    ...(modules instanceof BertError && { error: modules.message }),
    transformer_task: task,
    prompts: Object.fromEntries(prompts),
    default_prompt_name: defaultPromptName,
    max_seq_length: maxSeqLength,
    query_length: queryLength,
    document_length: documentLength,
    ...(hiddenState !== null && { method_output_name: ["hidden_states", hiddenState] }),
    do_lower_case: doLowerCase,
    similarity_fn_name: similarity,
    truncate_dim: truncateDim,
  };
}

function modulesLine(modules: SentenceFolder["modules"]): string {
  if (modules instanceof BertError) return `no vectors: ${modules.message}`;
  return ["Transformer", ...modules.map(moduleText)].join(", ");
}

function moduleText(module: SentenceModule): string {
  switch (module.type) {
    case "Pooling":
      return `Pooling ${module.modes.join(" + ")}${module.includePrompt ? "" : " without the prompt"}`;
    case "Dense": {
      const { inFeatures, size, bias, residual, activationFunction } = module;
      const more = `${bias ? "" : " without bias"}${residual ? " with residual" : ""}`;
      return `Dense ${inFeatures} to ${size} ${activationFunction.split(".").at(-1)}${more}`;
    }
    default:
      return module.type;
  }
}
