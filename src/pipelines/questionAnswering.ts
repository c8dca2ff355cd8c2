import type { Bert } from "../load/loadBert.ts";
import type { Encoding } from "../tokenizer/index.ts";
import { answerAll, tokenLimit } from "./answerAll.ts";
import { bestSpans } from "./answerSpans.ts";
import {
  type CallOptions,
  expectClass,
  expectCount,
  expectFields,
  expectOptions,
  expectText,
  flagOf,
  type NamedText,
  wrongArgument,
} from "./arguments.ts";
import { expectEach, faultOf } from "./faults.ts";
import { type Answers, type InputStream, withStreams } from "./stream.ts";
import type { Parts } from "./turns.ts";
import { logitsOf, type TokenLogits, type Windows, windowsOf } from "./windows.ts";

/** Options of a call, named as in Hugging Face. What it gives follows from `top_k`, and its type from that one's. */
export interface QuestionAnsweringOptions<K extends number = number> extends CallOptions {
  /** How many answers, the best first. Default 1. */
  readonly top_k?: K;
  /** The most tokens of an answer. Default 15. */
  readonly max_answer_len?: number;
  /**
   * The most tokens of question and context together; a longer context is read in windows. Default 384, or what the
   * model takes.
   */
  readonly max_seq_len?: number;
  /**
   * Tokens of the context that neighbouring windows share. Default 128, or half of `max_seq_len` if that is less; where
   * the question leaves no such room, half of what it leaves.
   */
  readonly doc_stride?: number;
  /** A question's tokens beyond these are cut off. Default 64. */
  readonly max_question_len?: number;
  /** Whether "" is an answer: that there is none. Default false. */
  readonly handle_impossible_answer?: boolean;
  /** Widen answers to whole words. Default true. */
  readonly align_to_words?: boolean;
}

/** A part of the context. */
export interface Answer {
  /**
   * Probability of its first token times that of its last, at most 1. Spans of tokens that are widened to the same
   * words add up. Of several windows that hold the answer the surest counts.
   */
  readonly score: number;
  /** Where the answer stands: `context.slice(start, end)`. */
  readonly start: number;
  readonly end: number;
  readonly answer: string;
}

/** A question, and the text that the answer is looked for in. */
export interface QuestionAndContext {
  readonly question: string;
  readonly context: string;
}

/** What stands after the questions: their context, if they do not bring their own, and options. */
type QuestionArguments<Input, K extends number> = Input extends string
  ? [context: string, options?: QuestionAnsweringOptions<K>]
  : Input extends readonly string[]
    ? [context: string | readonly string[], options?: QuestionAnsweringOptions<K>]
    : [options?: QuestionAnsweringOptions<K>];

/** What `pipeline("question-answering", model)` gives. */
export interface QuestionAnswering {
  /**
   * The part of the context that answers the question; with a `top_k`, a list of them. An array gives an array of
   * results, each the same, to the bit, as the question alone gives; several questions may be asked of one context.
   *
   * A stream of any length is answered question by question and in order. Several are computed at once; while the
   * caller handles their results the next are, and the stream is read no further. Leaving the loop closes it.
   *
   * In a blank context the answer is "", with the score 0. There is no option `truncation`: a long context is read in
   * windows, and a question is cut after `max_question_len` tokens.
   *
   * @throws BertError ERR_INPUT texts that are empty or no strings, all of an array's that are, before anything is
   *   computed; or another wrong argument; of a stream after the results of the questions before. What the stream
   *   throws
   * @example
   * const context = "Emma Woodhouse lived at Hartfield.";
   * await ask("Where did Emma live?", context); // { answer: "Hartfield", score: 0.98…, start: 24, end: 33 }
   * for await (const { answer } of ask(questions())) console.log(answer);
   */
  <
    Input extends
      | (string | QuestionAndContext)
      | (readonly string[] | readonly QuestionAndContext[])
      | InputStream<QuestionAndContext>,
    K extends number = 1,
  >(
    question: Input,
    ...rest: QuestionArguments<Input, K>
  ): Answers<Input, string | QuestionAndContext, K extends 1 ? Answer : Answer[]>;
}

const TASK = "question-answering";
/** [CLS] question [SEP] context [SEP] */
const SPECIAL_TOKENS = 3;

interface EncodedQuestion extends Windows {
  readonly context: string;
}

/** @throws BertError ERR_INPUT the model has no question-answering head */
export function questionAnswering(bert: Bert): QuestionAnswering {
  const { tokenizer, config } = bert;
  expectClass(TASK, config, "BertForQuestionAnswering");

  function prepare(options: QuestionAnsweringOptions) {
    const limits = limitsOf(options, tokenLimit(bert));
    const { top_k, max_answer_len } = limits;
    const alignToWords = options.align_to_words === undefined || flagOf(TASK, "align_to_words", options.align_to_words);
    const mayBeImpossible = flagOf(TASK, "handle_impossible_answer", options.handle_impossible_answer);
    const spanOptions = { count: top_k, maxAnswerLength: max_answer_len, alignToWords };

    function* encode({ question, context }: Texts): Parts<EncodedQuestion> {
      for (const { name, text } of [question, context]) {
        if (text === "") throw wrongArgument(TASK, name, "a text that is not empty", text); // as in Python
      }
      const { max_seq_len, max_question_len } = limits;
      const whole = yield* tokenizer.encodeInParts(question.text, {
        addSpecialTokens: false,
        maxLength: max_question_len + 1,
        truncationSide: "right",
      });
      const asked = cut(question.text, whole, max_question_len);
      const taken = SPECIAL_TOKENS + asked.length;
      const room = max_seq_len - taken;
      if (room < 1)
        throw faultOf(
          TASK,
          "max_seq_len",
          `more than question and special tokens, ${taken}`,
          `got ${max_seq_len}`,
          "; max_question_len cuts the question",
        );
      const fits = options.doc_stride !== undefined || limits.doc_stride < room; // else Python's fails
      const stride = fits ? limits.doc_stride : room >> 1;
      const encoding = yield* tokenizer.encodeInParts(asked.text, {
        textPair: context.text,
        truncation: "only_second",
        maxLength: max_seq_len,
        stride: stride < room ? stride : 0,
        returnOverflowingTokens: true,
      });
      if (encoding.overflowing.length > 0 && stride >= room) {
        const expected = `less than the ${room} tokens of the context that a window has beside the question`;
        throw wrongArgument(TASK, "doc_stride", expected, stride);
      }
      return { context: context.text, ...windowsOf(encoding) };
    }

    function answersOf({ context, windows }: EncodedQuestion, logits: readonly TokenLogits[]): Answer[] {
      const { spans, impossible } = bestSpans(TASK, windows, logits, spanOptions);
      const answers = spans.map((span) => ({ ...span, answer: context.slice(span.start, span.end) }));
      if (mayBeImpossible) answers.push({ score: impossible, start: 0, end: 0, answer: "" });
      // A blank context, as in Python
      if (answers.length === 0) answers.push({ score: 0, start: 0, end: 0, answer: "" });
      return answers.sort((a, b) => b.score - a.score).slice(0, top_k);
    }

    return {
      encode,
      async compute(batch: readonly EncodedQuestion[], signal?: AbortSignal): Promise<(Answer | Answer[])[]> {
        const logits = await logitsOf(bert, batch, ["startLogits", "endLogits"], signal);
        const answers = batch.map((question, i) => answersOf(question, logits[i]));
        return top_k === 1 ? answers.map(([best]) => best) : answers;
      },
    };
  }

  async function run(first: unknown, ...rest: unknown[]): Promise<unknown> {
    const isList = Array.isArray(first);
    if (isList && first.length === 0) throw wrongArgument(TASK, "questions", "at least one question", first);
    const isPair = typeof first === "object" && first !== null && !isList;
    const apart = isList ? typeof first[0] === "string" : !isPair; // questions here, contexts in the next argument
    const contexts = apart ? rest.shift() : undefined;
    const questions = isList
      ? expectEach(apart ? together(first, contexts) : first, (item, i) => textsOf(item, `questions[${i}].`))
      : [textsOf(isPair ? first : { question: first, context: contexts }, "")];
    const options = (rest[0] === undefined ? {} : rest[0]) as QuestionAnsweringOptions;
    const answers = await answerAll(questions, prepare(options), options.signal);
    return isList ? answers : answers[0];
  }

  return withStreams(TASK, run, (options: QuestionAnsweringOptions) => {
    const { encode, compute } = prepare(options);
    return {
      *encode(item, i) {
        const encoded = yield* encode(textsOf(item, `questions[${i}].`));
        return { encoded, tokens: encoded.length, length: encoded.length };
      },
      compute,
    };
  }) as QuestionAnswering;
}

/** The options that are numbers, checked, with defaults. */
function limitsOf(options: QuestionAnsweringOptions, limit: number) {
  const names = ["top_k", "max_answer_len", "max_seq_len", "doc_stride", "max_question_len"] as const;
  expectOptions(TASK, options, [...names, "handle_impossible_answer", "align_to_words"]);
  const { top_k = 1, max_answer_len = 15, max_question_len = 64 } = options;
  const { max_seq_len = Math.min(384, limit) } = options;
  expectCount(TASK, "max_seq_len", max_seq_len);
  if (max_seq_len > limit) {
    throw wrongArgument(TASK, "max_seq_len", `at most ${limit}, the most that the model takes`, max_seq_len);
  }
  const { doc_stride = Math.min(128, max_seq_len >> 1) } = options; // as transformers 4
  const most = max_seq_len - SPECIAL_TOKENS;
  if (
    !(Number.isSafeInteger(doc_stride) && doc_stride >= 0 && (doc_stride < most || options.doc_stride === undefined))
  ) {
    const expected = `a whole number from 0, and less than the ${most} tokens of a window`;
    throw wrongArgument(TASK, "doc_stride", expected, doc_stride);
  }
  return {
    top_k: expectCount(TASK, "top_k", top_k),
    max_answer_len: expectCount(TASK, "max_answer_len", max_answer_len),
    max_question_len: expectCount(TASK, "max_question_len", max_question_len),
    max_seq_len,
    doc_stride,
  };
}

/** The text as far as its first `most` tokens go, or fewer so that no character is cut, and how many they are. */
function cut(text: string, { length, offsets }: Encoding, most: number): { text: string; length: number } {
  if (length <= most) return { text, length };
  let count = most;
  while (count > 0 && offsets[count][0] < offsets[count - 1][1]) count--;
  return { text: text.slice(0, count === 0 ? 0 : offsets[count - 1][1]), length: count };
}

/** Each question with its context, or all with the same. */
function together(questions: readonly unknown[], contexts: unknown): unknown[] {
  if (Array.isArray(contexts) && contexts.length !== questions.length) {
    throw wrongArgument(TASK, "context", `one text, or one for each of ${questions.length} questions`, contexts);
  }
  return Array.from(questions, (question, i) => ({
    question,
    context: Array.isArray(contexts) ? contexts[i] : contexts,
  }));
}

interface Texts {
  readonly question: NamedText;
  readonly context: NamedText;
}

function textsOf(input: unknown, prefix: string): Texts {
  const name = prefix.slice(0, -1) || "question";
  const fields = expectFields(TASK, name, input, "{ question, context }", ["question", "context"]);
  return {
    question: expectText(TASK, `${prefix}question`, fields.question),
    context: expectText(TASK, `${prefix}context`, fields.context),
  };
}
