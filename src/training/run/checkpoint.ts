import type { LoadedParams } from "../../checkpoint/loadParams.ts";
import { writeFolder } from "../../disk/folders.ts";
import { digestOfFile, type FileDigest, namesIn, removeFolder, writeTexts } from "../../disk/runFolder.ts";
import { parseSealedJson, sealedJson } from "../../disk/sealedJson.ts";
import { BertError, quote } from "../../errors.ts";
import type { Json } from "../../json.ts";
import { moduleTensors } from "../../load/sentenceToSave.ts";
import { openModelFolder, openWeights, saveSafetensors } from "../../load/weightFiles.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { currentProjection, nameInProjection } from "../distillation/projection.ts";
import type { TrainedModel } from "../gradients.ts";
import { placeInModule } from "../sentence/trainedModules.ts";
import { writeModel } from "../startModel.ts";
import { stateTensors, type TrainingState } from "../trainStep.ts";
import { type Counted, readCounted } from "./pending.ts";
import type { Identity } from "./resolvedOptions.ts";
import { expectSameRun } from "./sameRun.ts";

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
  readonly state: Omit<RunState, "best"> & {
    readonly best: { readonly step: number; readonly metric: JsonNumber } | null;
  };
  readonly identity: Identity;
  /** metrics.jsonl as it was. */
  readonly log: FileDigest;
  /** Those that a run reads when it goes on: two, and those of modules that are trained. */
  readonly files: Readonly<Record<string, FileDigest>>;
}

/** JSON has no infinite numbers, as a perplexity may be one. */
type JsonNumber = number | "Infinity" | "-Infinity";

const FORMAT = "plainbert-training-2";
const STATE = "trainer_state.json";
const MODEL = "model.safetensors";
const OPTIMIZER = "optimizer.safetensors";
const PROJECTION = "projection.safetensors";

/** What a checkpoint is made of. */
export interface CheckpointParts {
  readonly model: TrainedModel;
  readonly training: TrainingState;
  readonly state: RunState;
  readonly identity: Identity;
  readonly configText: string;
  readonly tokenizer: BertTokenizer;
  readonly epoch: number;
  readonly log: FileDigest;
}

/**
 * Writes `checkpoint-STEP`, with all that a run needs to go on: the model as a folder that Hugging Face's libraries
 * read, optimizer.safetensors, and trainer_state.json with a checksum of all of them. It appears when everything is on
 * the disk.
 *
 * @throws BertError ERR_FILE nothing of it is left then
 */
export async function saveCheckpoint(output: string, parts: CheckpointParts): Promise<void> {
  const { training, state, epoch, identity, model, log } = parts;
  const { best } = state;
  const head = {
    global_step: training.step,
    epoch,
    best_metric: best?.metric ?? null,
    best_model_checkpoint: best && nameOf(best.step),
    format: FORMAT,
    seed: training.seed,
    batches: training.batches,
    state: { ...state, best: best && { step: best.step, metric: jsonNumber(best.metric) } },
    identity,
    log,
  } as const;
  await writeFolder(`${output}/${nameOf(training.step)}`, async (folder) => {
    await writeModel(folder, model, parts.configText, parts.tokenizer);
    await saveSafetensors(`${folder}/${OPTIMIZER}`, stateTensors(training));
    const projection = currentProjection(model.params.byName);
    if (projection) await saveSafetensors(`${folder}/${PROJECTION}`, moduleTensors(projection));
    const names = [...weightFiles(model.params).keys(), OPTIMIZER];
    const digests = await Promise.all(names.map((name) => digestOfFile(`${folder}/${name}`)));
    const json: StateFile = { ...head, files: Object.fromEntries(names.map((name, i) => [name, digests[i]])) };
    await writeTexts(folder, { [STATE]: sealedJson({ ...json }) });
  });
}

/**
 * The files of parameters, with their names there: model.safetensors, one for each module with weights, and that of a
 * projection to a teacher's vectors, which checkpoints alone have.
 */
function weightFiles({ byName }: LoadedParams): Map<string, [string, Float32Array][]> {
  const files = new Map<string, [string, Float32Array][]>([[MODEL, []]]);
  for (const [name, { data }] of byName) {
    const place = placeInModule(name);
    const inProjection = nameInProjection(name);
    const file = inProjection !== null ? PROJECTION : place === null ? MODEL : `${place.folder}/${MODEL}`;
    const tensors = files.get(file) ?? [];
    tensors.push([inProjection ?? place?.name ?? name, data as Float32Array]);
    files.set(file, tensors);
  }
  return files;
}

function jsonNumber(value: number): JsonNumber {
  return Number.isFinite(value) ? value : (String(value) as JsonNumber);
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
  /** metrics.jsonl as it was. */
  readonly log: FileDigest;
}

/**
 * Reads the state of a checkpoint.
 *
 * @throws BertError ERR_INPUT it is of a run with other data or options, naming the first difference; ERR_CHECKPOINT it
 *   is none, or was changed
 */
export async function readState(where: string, output: string, step: number, identity: Identity): Promise<SavedRun> {
  const { identity: saved, ...run } = await readStateFile(output, step);
  expectSameRun(where, output, saved, identity);
  return { step, ...run };
}

type ReadState = Omit<SavedRun, "step"> & Pick<StateFile, "identity" | "files">;

async function readStateFile(output: string, step: number): Promise<ReadState> {
  const path = `${output}/${nameOf(step)}`;
  const text = await (await openModelFolder(path)).readText(STATE);
  try {
    return parseState(text ?? "", `${path}/${STATE}`, step);
  } catch (cause) {
    throw cause instanceof BertError ? unusable(path, cause) : cause;
  }
}

/** A checkpoint that is damaged is no loss of the run. */
function unusable(path: string, cause: BertError): BertError {
  const advice = `if ${quote(path)} is deleted, resume goes on from the checkpoint before it, or begins anew`;
  return new BertError("ERR_CHECKPOINT", `${cause.message}; ${advice}`, { cause });
}

/**
 * Reads trainer_state.json.
 *
 * @param file as in `parseJson`
 * @param step of its checkpoint
 * @throws BertError ERR_CHECKPOINT it is no state of a run, was changed, or is of another checkpoint
 */
export function parseState(text: string, file: string, step: number): ReadState {
  const json = parseSealedJson(text, file, "ERR_CHECKPOINT");
  json.get("format").asChoice([FORMAT]);
  json.get("global_step").asInteger({ min: step, max: step });
  const state = json.get("state");
  return {
    seed: json.get("seed").asInteger({ max: 2 ** 32 - 1 }),
    batches: json.get("batches").asInteger(),
    state: {
      evaluated: state.get("evaluated").asInteger(),
      best: state.get("best").or(null, (best) => ({
        step: best.get("step").asInteger(),
        metric: asJsonNumber(best.get("metric")),
      })),
      sinceBest: state.get("sinceBest").asInteger(),
      firstLoss: state.get("firstLoss").or(null, (loss) => loss.asNumber()),
      pending: readCounted(state.get("pending")),
    },
    identity: Object.fromEntries(json.get("identity").entries().map(([name, value]) => [name, asPlain(value)])), // biome-ignore format: one line
    log: asDigest(json.get("log")),
    files: {
      ...Object.fromEntries(json.get("files").entries().map(([name, digest]) => [name, asDigest(digest)])), // biome-ignore format: one line
      [MODEL]: asDigest(json.get("files").get(MODEL)),
      [OPTIMIZER]: asDigest(json.get("files").get(OPTIMIZER)),
    },
  };
}

function asJsonNumber(json: Json): number {
  return typeof json.value === "string" ? Number(json.asChoice(["Infinity", "-Infinity"])) : json.asNumber();
}

function asPlain(json: Json): Identity[string] {
  const { value } = json;
  if (value === null || typeof value === "boolean") return value;
  return typeof value === "number" ? json.asNumber() : json.asString();
}

function asDigest(json: Json): FileDigest {
  return { bytes: json.get("bytes").asInteger(), sha256: json.get("sha256").asString() };
}

/** Reads the weights of a checkpoint into a model's tensors. @throws BertError ERR_CHECKPOINT, ERR_FILE */
export async function readWeights(output: string, step: number, params: LoadedParams): Promise<void> {
  for (const [file, tensors] of weightFiles(params)) await readTensors(output, step, file, tensors);
}

/** Reads the optimiser's state of a checkpoint. @throws BertError ERR_CHECKPOINT, ERR_FILE */
export async function readOptimizer(output: string, training: TrainingState): Promise<void> {
  const tensors = Array.from(stateTensors(training), ([name, { data }]) => [name, data] as const);
  await readTensors(output, training.step, OPTIMIZER, tensors);
}

async function readTensors(
  output: string,
  step: number,
  file: string,
  tensors: readonly (readonly [string, Float32Array])[],
): Promise<void> {
  const path = `${output}/${nameOf(step)}/${file}`;
  const { files } = await readStateFile(output, step);
  const { sha256 } = await digestOfFile(path);
  if (sha256 !== files[file]?.sha256) {
    const damaged = new BertError("ERR_CHECKPOINT", `${path}: is damaged or was changed: trainer_state.json has another checksum`); // biome-ignore format: one line
    throw unusable(`${output}/${nameOf(step)}`, damaged);
  }
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
