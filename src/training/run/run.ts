import type { LoadedParams } from "../../checkpoint/loadParams.ts";
import { machineName, writeTexts } from "../../disk/runFolder.ts";
import { BertError } from "../../errors.ts";
import type { SentenceModules } from "../../load/sentenceModules.ts";
import type { BertConfig } from "../../model/config.ts";
import { BertModel } from "../../runtime/bertModel.ts";
import type { TrainingBackend } from "../../tensor/trainingBackend.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { currentProjection } from "../distillation/projection.ts";
import { createGradients, type Gradients, type TrainedModel } from "../gradients.ts";
import { curvesSvg } from "../report/curves.ts";
import { runReport } from "../report/runReport.ts";
import { currentModules } from "../sentence/trainedModules.ts";
import { writeModel } from "../startModel.ts";
import type { Evaluation, PreparedTask } from "../tasks/task.ts";
import { createTrainingState, type LabelledBatch, type TrainingState, trainStep } from "../trainStep.ts";
import {
  checkpointSteps,
  pruneCheckpoints,
  type RunState,
  readOptimizer,
  readState,
  readWeights,
  saveCheckpoint,
} from "./checkpoint.ts";
import { expectNotExploded } from "./exploded.ts";
import { MetricsLog } from "./log.ts";
import { count, entryOf, nothingCounted } from "./pending.ts";
import { adamwOptions, freezer, type Identity, type ResolvedRunOptions } from "./resolvedOptions.ts";
import type { RunResult } from "./result.ts";

/** What is trained, and with what. */
export interface RunPlan {
  readonly where: "finetune" | "pretrain";
  readonly config: BertConfig;
  readonly configText: string;
  readonly tokenizer: BertTokenizer;
  /** Of a model that makes vectors of texts: the modules after the encoder. */
  readonly sentence?: SentenceModules | undefined;
  /** As `PreparedTask` has it: a teacher's vectors, which stay in the folder. */
  readonly teach?: PreparedTask["teach"];
  /** Task, model and data by name, for the report. */
  readonly about: Readonly<Record<string, string>>;
  /** Whether an evaluation tells errors, and no mistakes. Default false. */
  readonly tellsErrors?: boolean;
  /** What the result depends on. */
  readonly identity: Identity;
  readonly totalSteps: number;
  readonly warmupSteps: number;
  /** Updates between two evaluations. */
  readonly evalSteps: number;
  load(kernels: TrainingBackend): Promise<LoadedParams>;
  /** How many times the data was read when so many updates were made. */
  epochAt(step: number): number;
  /** The batches of the update that follows `step` updates: a function of `step` alone. */
  batchesAt(step: number): readonly LabelledBatch[] | Promise<readonly LabelledBatch[]>;
  readonly evaluate: PreparedTask["evaluate"];
}

/**
 * Trains: updates, lines of metrics.jsonl, evaluations, checkpoints, and the model at the end. All that an update
 * depends on is in the last checkpoint and the plan, so a run that goes on has the bits of one that was never
 * interrupted.
 *
 * @param options without `resume` nothing is in `output` (`expectFree`)
 * @throws BertError ERR_INPUT with `resume`, other data or options; ERR_TRAINING a loss that is not finite or explodes;
 *   ERR_ABORTED the signal fired, and a checkpoint is written after the first update
 */
export async function run(given: RunPlan, options: ResolvedRunOptions, kernels: TrainingBackend): Promise<RunResult> {
  const { output } = options;
  const { name: backend, fused } = kernels.info; // others round otherwise
  const plan = { ...given, identity: { ...given.identity, backend, fused } };
  const last = (await checkpointSteps(output)).at(-1);
  const saved = last === undefined ? null : await readState(plan.where, output, last, plan.identity);

  const model = { config: plan.config, params: await plan.load(kernels), kernels, sentence: plan.sentence };
  const gradients = createGradients(model, freezer(options));
  if (gradients.byName.size === 0)
    throw new BertError("ERR_INPUT", `${plan.where}: something must be trained, all is frozen`);
  const training = createTrainingState(model, gradients, saved?.seed ?? options.seed);
  if (saved) {
    Object.assign(training, { step: saved.step, batches: saved.batches });
    await readWeights(output, saved.step, model.params);
    await readOptimizer(output, training);
  }
  await plan.teach?.();
  const state = saved?.state ?? freshState();
  const log = await MetricsLog.open(output, saved?.log ?? null, options.onLog);
  return new Run(plan, options, { model, gradients, training, state, log }).toEnd();
}

function freshState(): RunState {
  return { evaluated: 0, best: null, sinceBest: 0, firstLoss: null, pending: nothingCounted() };
}

/** What changes while a run goes on. */
interface RunParts {
  readonly model: TrainedModel;
  readonly gradients: Gradients;
  readonly training: TrainingState;
  readonly state: RunState;
  readonly log: MetricsLog;
}

class Run {
  private readonly plan: RunPlan;
  private readonly options: ResolvedRunOptions;
  private readonly model: TrainedModel;
  private readonly gradients: Gradients;
  private readonly training: TrainingState;
  private readonly state: RunState;
  private readonly log: MetricsLog;
  private readonly firstStep: number;
  private readonly start: number = performance.now();
  private savedStep: number;
  private evaluation: Evaluation | null = null;
  private loss: number = Number.NaN;
  private tokens = 0;
  private seconds = 0;

  constructor(plan: RunPlan, options: ResolvedRunOptions, { model, gradients, training, state, log }: RunParts) {
    this.plan = plan;
    this.options = options;
    this.model = model;
    this.gradients = gradients;
    this.training = training;
    this.state = state;
    this.log = log;
    this.firstStep = training.step;
    this.savedStep = training.step;
  }

  async toEnd(): Promise<RunResult> {
    try {
      return await this.trained();
    } catch (error) {
      if (!(error instanceof BertError) || error.code !== "ERR_FILE") throw error; // a full disk, say
      const { savedStep } = this;
      const left = savedStep === 0 ? await this.nothingSaved() : `checkpoint-${savedStep} stays, and resume goes on from there`; // biome-ignore format: one line
      throw new BertError(error.code, `${error.message}; ${left}`, { cause: error });
    }
  }

  /** Tidies up after a run without a checkpoint. @returns what is left of it, for a message */
  private async nothingSaved(): Promise<string> {
    await this.log.remove();
    return this.plan.teach
      ? "only the teacher's vectors are left, as there was no checkpoint yet: resume begins anew with them"
      : "nothing of the run is left, as there was no checkpoint yet: the same call begins anew";
  }

  private async trained(): Promise<RunResult> {
    const { options, training, state } = this;
    try {
      for (;;) {
        options.signal?.throwIfAborted();
        const isNewBest = this.isEvaluationDue && (await this.evaluate());
        const isAtEnd = this.isAtEnd;
        if (training.step > this.savedStep && (isNewBest || isAtEnd || training.step % options.saveSteps === 0))
          await this.save();
        if (isAtEnd) break;
        await this.update();
        await new Promise((turn) => setTimeout(turn)); // for the event loop, and so for Ctrl-C
      }
    } catch (error) {
      if (!options.signal?.aborted) throw error;
      if (training.step > this.savedStep) await this.save();
      const left = training.step === 0 ? await this.nothingSaved() : "resume goes on from there";
      const place = `step ${training.step} of ${this.plan.totalSteps}`;
      throw new BertError("ERR_ABORTED", `${this.plan.where}: stopped at ${place}; ${left}`, { cause: error });
    }
    const { best } = state;
    const useBest = options.loadBestModelAtEnd && best !== null;
    if (useBest && best.step !== training.step) {
      await readWeights(options.output, best.step, this.model.params);
      this.evaluation = null;
    }
    if (this.plan.evaluate) this.evaluation ??= await this.evaluateNow(); // an earlier process has logged it
    const metrics = this.metricsAt(useBest ? best.step : training.step);
    await writeModel(options.output, this.model, this.plan.configText, this.plan.tokenizer);
    await this.draw(metrics);
    return {
      output: options.output,
      globalStep: training.step,
      metrics,
      bestStep: best?.step ?? null,
      log: this.log.entries,
      examples: this.evaluation?.examples ?? [],
    };
  }

  private get isAtEnd(): boolean {
    const { earlyStoppingPatience: patience } = this.options;
    if (patience !== undefined && this.state.sinceBest >= patience) return true;
    return this.training.step >= this.plan.totalSteps;
  }

  private get isEvaluationDue(): boolean {
    const { step } = this.training;
    if (!this.plan.evaluate || step === this.state.evaluated) return false;
    return step % this.plan.evalSteps === 0 || step >= this.plan.totalSteps;
  }

  /** Makes one update, and logs and reports it. */
  private async update(): Promise<void> {
    const { plan, options, training, state } = this;
    const batches = await plan.batchesAt(training.step);
    const { totalSteps, warmupSteps } = plan;
    const start = performance.now();
    const result = trainStep(this.model, this.gradients, training, batches, {
      ...adamwOptions(options),
      learningRate: options.learningRate,
      gradientCheckpointing: options.gradientCheckpointing,
      totalSteps,
      warmupSteps,
    });
    this.seconds += (performance.now() - start) / 1000;
    for (const { input } of batches) {
      for (const { length } of "inputIds" in input ? input.inputIds : input.map(({ inputIds }) => inputIds))
        this.tokens += length;
    }
    this.loss = result.loss;
    state.firstLoss ??= result.loss;
    const { firstLoss } = state;
    const update = { step: training.step - 1, batches, loss: result.loss, firstLoss };
    expectNotExploded(plan.where, this.model, this.gradients, update);
    count(state.pending, result);
    if (training.step % options.loggingSteps === 0 || training.step === totalSteps) {
      const at = { step: training.step, epoch: plan.epochAt(training.step) };
      await this.log.add(entryOf(state.pending, at, result, this.tokens / this.seconds));
      state.pending = nothingCounted();
    }
    this.tell(false);
  }

  /** @returns whether it is the best so far */
  private async evaluate(): Promise<boolean> {
    const { plan, options, training, state } = this;
    this.evaluation = await this.evaluateNow();
    const { metrics } = this.evaluation;
    const metric = metrics[options.metricForBestModel];
    const named = Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`eval_${name}`, value]));
    await this.log.add({ step: training.step, epoch: plan.epochAt(training.step), ...named });
    state.evaluated = training.step;
    const { best } = state;
    const isBest =
      best === null ? !Number.isNaN(metric) : options.greaterIsBetter ? metric > best.metric : metric < best.metric;
    if (isBest) state.best = { step: training.step, metric };
    state.sinceBest = isBest ? 0 : state.sinceBest + 1;
    return isBest;
  }

  private async evaluateNow(): Promise<Evaluation> {
    this.tell(true);
    const { signal, evalBatchSize: batchSize } = this.options;
    const { config, params, kernels, sentence } = this.model;
    const modules = sentence && currentModules(sentence.modules, params.byName);
    const projection = currentProjection(params.byName);
    const bert = new BertModel(config, params, kernels);
    try {
      return await this.plan.evaluate!(bert, { batchSize, signal, modules, projection });
    } finally {
      await bert.dispose();
    }
  }

  private async save(): Promise<void> {
    const { plan, options, model, training, state } = this;
    const { identity, configText, tokenizer } = plan;
    const epoch = plan.epochAt(training.step);
    const log = await this.log.digest();
    await saveCheckpoint(options.output, { model, training, state, identity, configText, tokenizer, epoch, log });
    this.savedStep = training.step;
    await pruneCheckpoints(options.output, options.saveTotalLimit, state.best?.step ?? null);
    await writeTexts(options.output, { "curves.svg": curvesSvg(this.log.entries) });
  }

  private metricsAt(step: number): Record<string, number> {
    const entry = this.log.entries.findLast((line) => line.step === step && "eval_loss" in line);
    return Object.fromEntries(Object.entries(entry ?? {}).filter(([name]) => name.startsWith("eval_")));
  }

  private async draw(metrics: Readonly<Record<string, number>>): Promise<void> {
    const { options, plan, log, training } = this;
    const texts: Record<string, string> = { "curves.svg": curvesSvg(log.entries) };
    if (options.report) {
      texts["report.html"] = runReport({
        ...{ title: plan.where, about: plan.about, metrics, evaluation: this.evaluation },
        isRegression: plan.tellsErrors ?? false,
        settings: { ...plan.identity, totalSteps: plan.totalSteps, warmupSteps: plan.warmupSteps },
        backend: this.model.kernels.info,
        machine: machineName(),
        log: log.entries,
        steps: training.step,
        parameters: Array.from(this.model.params.byName.values()).reduce((sum, { data }) => sum + data.length, 0),
        tokensPerSecond: this.tokens / this.seconds,
      });
    }
    await writeTexts(options.output, texts);
  }

  private tell(evaluating: boolean): void {
    const { firstStep, loss } = this;
    const { step } = this.training;
    const { totalSteps } = this.plan;
    const pace = (performance.now() - this.start) / 1000 / (step - firstStep);
    const secondsLeft = step > firstStep ? pace * (totalSteps - step) : Number.NaN;
    const tokensPerSecond = this.tokens / this.seconds;
    this.options.onProgress({ step, totalSteps, firstStep, loss, tokensPerSecond, secondsLeft, evaluating });
  }
}
