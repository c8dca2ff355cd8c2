import type { LoadedParams } from "../../checkpoint/loadParams.ts";
import { BertError, quote } from "../../errors.ts";
import { MODULES_FILE, readModules } from "../../hub/sentenceFiles.ts";
import type { SentenceFolder, SentenceModule, SentenceModules } from "../../load/sentenceModules.ts";
import { meanPoolingTexts, moduleTensors } from "../../load/sentenceToSave.ts";
import { sentenceSize } from "../../load/sentenceVector.ts";
import type { Backend } from "../../tensor/backend.ts";
import type { Tensor, Weight } from "../../tensor/tensor.ts";
import { nameInProjection } from "../distillation/projection.ts";
import { TRAINED_ACTIVATIONS, torchSlope } from "./moduleSlopes.ts";

/**
 * What a folder says of sentences, to be trained: one without modules.json gets the mean of the tokens' vectors, as in
 * sentence-transformers.
 *
 * @param H     the model's hidden size
 * @param limit most tokens of a text, for a folder that does not say it
 * @throws BertError ERR_CHECKPOINT modules that cannot be read, or that models are not trained with, by name
 */
export function modulesToTrain(folder: SentenceFolder, H: number, limit: number): SentenceModules {
  const { modules, texts, hiddenState } = folder;
  if (modules instanceof BertError) throw modules;
  if (hiddenState !== null) throw untrained('an output of an inner layer, ["hidden_states", n]');
  const listing = texts.get(MODULES_FILE);
  const dropout = listing === undefined ? undefined : readModules(listing).find(({ type }) => type === "Dropout");
  if (dropout) throw untrained("a Dropout");
  for (const module of modules) {
    if (module.type === "Pooling" && module !== modules[0]) throw untrained("a second Pooling");
    if (module.type !== "Dense" || torchSlope(module.activationFunction) !== null) continue;
    const known = TRAINED_ACTIVATIONS.join(", ");
    throw untrained(`a Dense with the activation function ${quote(module.activationFunction)}, only with ${known}`);
  }
  sentenceSize({ modules }, H);
  return { ...folder, modules, texts: listing === undefined ? meanPoolingTexts(H, limit) : texts };
}

function untrained(what: string): BertError {
  return new BertError("ERR_CHECKPOINT", `${MODULES_FILE}: models are not trained with ${what}`);
}

/** The folder that a module is saved in, `2_Dense`. @param i its place after the transformer, from 0 */
function folderOf({ type }: SentenceModule, i: number): string {
  return `${i + 1}_${type}`;
}

/** The folder and the name within it of a parameter of a module, `2_Dense.linear.weight`; null: it is the encoder's. */
export function placeInModule(name: string): { readonly folder: string; readonly name: string } | null {
  const [, folder, rest] = /^(\d+_[A-Za-z]+)\.(.+)$/.exec(name) ?? [];
  return folder === undefined ? null : { folder, name: rest };
}

/** The parameters of a model with those of its modules, in the memory of a backend. */
export function withModuleTensors(params: LoadedParams, { modules }: SentenceModules, k: Backend): LoadedParams {
  const byName = new Map<string, Weight>(params.byName);
  for (const [i, module] of modules.entries()) {
    for (const [name, { shape, data }] of moduleTensors(module)) {
      const tensor = k.empty(shape);
      tensor.data.set(data);
      byName.set(`${folderOf(module, i)}.${name}`, tensor);
    }
  }
  return { ...params, byName };
}

/** The parameters of the encoder alone. */
export function encoderParams(params: LoadedParams): LoadedParams {
  return {
    ...params,
    byName: new Map(
      [...params.byName].filter(([name]) => placeInModule(name) === null && nameInProjection(name) === null),
    ),
  };
}

/** The modules with the weights that they have now. @param byName the model's parameters, those of its modules too */
export function currentModules(
  modules: readonly SentenceModule[],
  byName: ReadonlyMap<string, Weight>,
): readonly SentenceModule[] {
  return modules.map((module, i) => {
    const now = (name: string) => (byName.get(`${folderOf(module, i)}.${name}`) as Tensor).data;
    if (module.type === "LayerNorm") return { ...module, weight: now("norm.weight"), bias: now("norm.bias") };
    if (module.type !== "Dense") return module;
    const { bias, activationWeight, residual } = module;
    return {
      ...module,
      weight: now("linear.weight"),
      bias: bias && now("linear.bias"),
      activationWeight: activationWeight && now("activation_function.weight"),
      residual: typeof residual === "object" && residual ? now("residual.weight") : residual,
    };
  });
}

/** The gradient of a module's parameter, by its name in the module's file; null where it is frozen. */
export type ModuleGradient = (name: string) => Float32Array | null;

/** @param i the module's place after the transformer, from 0 */
export function gradientsOfModule(
  byName: ReadonlyMap<string, Tensor>,
  module: SentenceModule,
  i: number,
): ModuleGradient {
  return (name) => byName.get(`${folderOf(module, i)}.${name}`)?.data ?? null;
}

/** The modules in a few words, `Pooling mean, Dense 24 to 16 Tanh`: a run that goes on must have them again. */
export function modulesText(modules: readonly SentenceModule[]): string {
  const told = modules.map((module) => {
    if (module.type === "Pooling") return `Pooling ${module.modes.join(" and ")}`;
    if (module.type !== "Dense") return module.type;
    return `Dense ${module.inFeatures} to ${module.outFeatures} ${module.activationFunction.split(".").at(-1)}`;
  });
  return told.join(", ");
}
