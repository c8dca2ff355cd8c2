import type { Pipeline, PipelineTask } from "../pipelines/index.ts";
import { type Answerer, answerSource, flatFormats, OUTPUT_OPTIONS } from "./answerTexts.ts";
import type { Command } from "./command.ts";
import type { Flat } from "./format.ts";
import { INPUT_OPTIONS, type InputForm, JSON_INPUT_OPTIONS, type Source, sourceOf } from "./input.ts";
import { modelMark, sentenceMark } from "./modelMark.ts";
import {
  EMBEDDING_MODEL_OPTIONS,
  expectModel,
  MODEL_OPTIONS,
  NEEDED_MODEL_OPTIONS,
  openPipeline,
} from "./modelOptions.ts";
import { type Arguments, type OptionTable, type PipelineValues, pipelineValues, type ValuesOf } from "./option.ts";
import { UnknownTexts } from "./unknownTexts.ts";

/**
 * A command for a task of `pipeline`: its options are the pipeline's, with hyphens, and those that every such command
 * has.
 */
export interface TaskCommand<Task extends PipelineTask, Table extends OptionTable, Input, Result> extends Flat<Result> {
  readonly task: Task;
  readonly synopsis: Command["synopsis"];
  readonly description: string;
  readonly examples: Command["examples"];
  /** The pipeline's options. */
  readonly options: Table;
  /** Whether the models that come with plainbert have no head for it. */
  readonly needsModel: boolean;
  /** Whether what the folder says of sentences, such as prompts, changes its answers. Default false. */
  readonly isOfSentences?: boolean;
  readonly form: InputForm<Input>;
  /** The source of the inputs; undefined: `sourceOf` chooses it. */
  source?(positionals: readonly string[]): Source<Input> | undefined;
  /** @throws UsageError options that do not fit together */
  expect?(options: PipelineValues<Table>): void;
  /** Answers a stream, in order. */
  answer(
    pipeline: Pipeline<Task>,
    inputs: AsyncGenerator<Input>,
    options: PipelineValues<Table>,
  ): AsyncIterable<Result>;
  /** A result as a text for a reader. */
  table(result: Result, input: Input, pipeline: Pipeline<Task>): string;
  /** What stands above the table, where there are several inputs. */
  heading(input: Input): string | null;
  /** The sentences of an input, of which is told how many are mostly unknown to the model. Default: none. */
  texts?(input: Input): readonly string[];
}

interface InputValues {
  readonly input?: string | undefined;
  readonly jsonl?: boolean;
}

export function taskCommand<Task extends PipelineTask, Table extends OptionTable, Input, Result>(
  task: TaskCommand<Task, Table, Input, Result>,
): Command {
  const { form, options, needsModel, isOfSentences = false } = task;
  const otherwise = isOfSentences ? EMBEDDING_MODEL_OPTIONS : MODEL_OPTIONS;
  const input = form.fromLine ? INPUT_OPTIONS : JSON_INPUT_OPTIONS;
  return {
    synopsis: task.synopsis,
    description: task.description,
    examples: task.examples,
    options: { ...options, ...input, ...OUTPUT_OPTIONS, ...(needsModel ? NEEDED_MODEL_OPTIONS : otherwise) },
    async run({ values: all, positionals }: Arguments<OptionTable>) {
      const values = all as unknown as InputValues & ValuesOf<typeof OUTPUT_OPTIONS & typeof MODEL_OPTIONS>;
      if (needsModel) expectModel(values);
      const given = pipelineValues(options, all);
      task.expect?.(given);
      const source = task.source?.(positionals) ?? sourceOf(form, positionals, values);
      await answerSource(source, values, () => load(given, values));
    },
  };

  async function load(
    given: PipelineValues<Table>,
    values: ValuesOf<typeof MODEL_OPTIONS>,
  ): Promise<Answerer<Input, Result>> {
    const pipeline = await openPipeline(task.task, values);
    const json = (result: Result) => result;
    const unknown = new UnknownTexts(pipeline.model, !("pooling" in given));
    async function* counted(inputs: AsyncGenerator<Input>) {
      for await (const input of inputs) {
        yield input; // it is answered, so its fields are what they must be
        for (const text of task.texts?.(input) ?? []) unknown.add(text);
      }
    }
    return {
      answer: (inputs) => task.answer(pipeline, counted(inputs), given),
      table: (result, input) => task.table(result, input, pipeline),
      heading: (input) => task.heading(input),
      json,
      format: flatFormats(json, task),
      work: () => [
        task.task,
        given,
        modelMark(pipeline.model),
        task.isOfSentences ? sentenceMark(pipeline.model) : null,
      ],
      tell: () => unknown.tell(),
      dispose: pipeline.dispose,
    };
  }
}
