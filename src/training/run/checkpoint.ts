import type { LoadedParams } from "../../checkpoint/loadParams.ts";
import { writeFolder } from "../../disk/folders.ts";
import { namesIn, removeFolder, writeTexts } from "../../disk/runFolder.ts";
import { BertError, quote } from "../../errors.ts";
import { openModelFolder, openWeights, saveSafetensors } from "../../load/weightFiles.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import type { TrainedModel } from "../gradients.ts";
import { writeModel } from "../startModel.ts";
import { stateTensors, type TrainingState } from "../trainStep.ts";
import type { Counted } from "./pending.ts";
import type { Identity } from "./resolvedOptions.ts";

/** What a run knows beside weights and optimiser. */
export interface RunState {
  /** The step of the last evaluation; 0 before the first. */
  evaluated: number;
  /** The best evaluation; null before the first. */
  best: { readonly step: number; readonly metric: number } | null;
  /** How many evaluations there were since. */
  sinceBest: number;
  /** The loss of the first update; null before it. */
  firstLoss: number | null;
  /** What the next line of metrics.jsonl will be the mean of. */
  pending: Counted;
}

/** trainer_state.json, which Hugging Face's Trainer has too; the first four are named as there. */
interface StateFile {
  readonly global_step: number;
  readonly epoch: number;
  readonly best_metric: number | null;
  readonly best_model_checkpoint: string | null;
  readonly format: typeof FORMAT;
  readonly seed: number;
  readonly batches: number;
  readonly state: RunState;
  readonly identity: Identity;
}

const FORMAT = "plainbert-training-1";
const STATE = "trainer_state.json";
const OPTIMIZER = "optimizer.safetensors";

/** What a checkpoint is made of. */
export interface CheckpointParts {
  readonly model: TrainedModel;
  readonly training: TrainingState;
  readonly state: RunState;
  readonly identity: Identity;
  readonly configText: string;
  readonly tokenizer: BertTokenizer;
  readonly epoch: number;
}

/**
 * Writes `checkpoint-STEP`, with all that a run needs to go on: the model as a folder that Hugging Face's libraries
 * read, optimizer.safetensors and trainer_state.json. It appears when everything is on the disk.
 *
 * @throws BertError ERR_FILE nothing of it is left then
 */
export async function saveCheckpoint(output: string, parts: CheckpointParts): Promise<void> {
  const { training, state, epoch, identity, model } = parts;
  const json: StateFile = {
    global_step: training.step,
    epoch,
    best_metric: state.best?.metric ?? null,
    best_model_checkpoint: state.best && nameOf(state.best.step),
    format: FORMAT,
    seed: training.seed,
    batches: training.batches,
    state,
    identity,
  };
  await writeFolder(`${output}/${nameOf(training.step)}`, async (folder) => {
    await writeModel(folder, model, parts.configText, parts.tokenizer);
    await saveSafetensors(`${folder}/${OPTIMIZER}`, stateTensors(training));
    await writeTexts(folder, { [STATE]: `${JSON.stringify(json, null, 2)}\n` });
  });
}

/** The steps of the checkpoints in a folder, ascending. */
export async function checkpointSteps(output: string): Promise<number[]> {
  const steps = (await namesIn(output)).flatMap((name) => /^checkpoint-(\d+)$/.exec(name)?.[1] ?? []);
  return steps.map(Number).sort((a, b) => a - b);
}

/** Removes all but the last `keep` checkpoints and that of step `best`. @throws BertError ERR_FILE */
export async function pruneCheckpoints(output: string, keep: number, best: number | null): Promise<void> {
  for (const step of (await checkpointSteps(output)).slice(0, -keep)) {
    if (step !== best) await removeFolder(`${output}/${nameOf(step)}`);
  }
}

/** A checkpoint's state, read before its tensors. */
export interface SavedRun {
  readonly step: number;
  readonly seed: number;
  readonly batches: number;
  readonly state: RunState;
}

/**
 * Reads the state of a checkpoint.
 *
 * @throws BertError ERR_INPUT it is of a run with other data or options, naming the first difference; ERR_CHECKPOINT it
 *   is none
 */
export async function readState(where: string, output: string, step: number, identity: Identity): Promise<SavedRun> {
  const path = `${output}/${nameOf(step)}`;
  const text = await (await openModelFolder(path)).readText(STATE);
  const json = parse(`${path}/${STATE}`, text ?? "");
  expectSame(where, output, json.identity, identity);
  return { step: json.global_step, seed: json.seed, batches: json.batches, state: json.state };
}

function parse(path: string, text: string): StateFile {
  try {
    const json = JSON.parse(text) as StateFile;
    if (json.format === FORMAT) return json;
  } catch {
    // said below
  }
  throw new BertError("ERR_CHECKPOINT", `${path}: must be the state of a run, JSON with "format": "${FORMAT}"`);
}

function expectSame(where: string, output: string, saved: Identity, now: Identity): void {
  for (const name of new Set([...Object.keys(saved), ...Object.keys(now)])) {
    const [was, is] = [saved[name] ?? null, now[name] ?? null];
    if (was === is) continue;
    const sentence = DIGESTS.has(name)
      ? `the ${name} must be those with which the run in ${quote(output)} began, they are others`
      : `${name} must be ${show(was)} as in the run in ${quote(output)}, got ${show(is)}`;
    throw new BertError("ERR_INPUT", `${where}: resume: ${sentence}`);
  }
}

/** What is compared by a digest, which a message does not show. */
const DIGESTS: ReadonlySet<string> = new Set(["examples", "model's config"]);

function show(value: string | number | boolean | null): string {
  return value === null ? "left out" : typeof value === "string" ? quote(value) : String(value);
}

/** Reads the weights of a checkpoint into a model's tensors. @throws BertError ERR_CHECKPOINT, ERR_FILE */
export async function readWeights(output: string, step: number, { byName }: LoadedParams): Promise<void> {
  const tensors = Array.from(byName, ([name, { data }]) => [name, data as Float32Array] as const);
  await readTensors(`${output}/${nameOf(step)}/model.safetensors`, tensors);
}

/** Reads the optimiser's state of a checkpoint. @throws BertError ERR_CHECKPOINT, ERR_FILE */
export async function readOptimizer(output: string, training: TrainingState): Promise<void> {
  const tensors = Array.from(stateTensors(training), ([name, { data }]) => [name, data] as const);
  await readTensors(`${output}/${nameOf(training.step)}/${OPTIMIZER}`, tensors);
}

async function readTensors(path: string, tensors: readonly (readonly [string, Float32Array])[]): Promise<void> {
  const weights = await openWeights(path);
  try {
    for (const [name, target] of tensors) {
      const size = weights.tensors.get(name)?.shape.reduce((a, b) => a * b, 1);
      if (size !== target.length) {
        const got = size === undefined ? "none" : `${size}`;
        throw new BertError("ERR_CHECKPOINT", `${path}: ${name} must have ${target.length} numbers, has ${got}`);
      }
      await weights.readInto(name, target);
    }
  } finally {
    await weights.close();
  }
}

function nameOf(step: number): string {
  return `checkpoint-${step}`;
}
