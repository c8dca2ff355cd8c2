import { BertError, listed } from "../errors.ts";

/** What is wrong with one input. */
interface Fault {
  readonly where: string;
  /** Such as `texts[3]`. */
  readonly subject: string;
  /** What it must be. */
  readonly expected: string;
  /** Such as `got 70`. */
  readonly found: string;
  /** What ends the sentence: a way out. */
  readonly remedy: string;
}

const FAULTS = new WeakMap<object, Fault>();

/**
 * ERR_INPUT: `fill-mask: texts[3] must be a string, got 1`, which `Faults` can tell together with others of its kind.
 */
export function faultOf(where: string, subject: string, expected: string, found: string, remedy = ""): BertError {
  const error = new BertError("ERR_INPUT", `${where}: ${subject} must be ${expected}, ${found}${remedy}`);
  FAULTS.set(error, { where, subject, expected, found, remedy });
  return error;
}

/** What is wrong with many inputs: all that are wrong in the same way as the first become one error. */
export class Faults {
  private error: unknown = null;
  private first: Fault | null = null;
  private readonly entries: string[] = [];

  /** Takes what was thrown about an input; throws on what is about no input. */
  take(error: unknown): void {
    const fault = typeof error === "object" && error !== null ? FAULTS.get(error) : undefined;
    if (fault === undefined) throw error;
    if (this.first === null) {
      this.first = fault;
      this.error = error;
    }
    if (fault.expected === this.first.expected) this.entries.push(`${fault.subject} (${fault.found})`);
  }

  /** @throws BertError ERR_INPUT if something was taken; of several it names ten, and counts the rest */
  throwIfAny(): void {
    if (this.first === null) return;
    if (this.entries.length === 1) throw this.error;
    const { where, expected, remedy } = this.first;
    const inputs = `${this.entries.length} inputs`;
    throw new BertError("ERR_INPUT", `${where}: ${inputs} must be ${expected}: ${listed(this.entries)}${remedy}`);
  }
}

/** Checks each of many inputs. @throws BertError ERR_INPUT about all that are wrong in the same way as the first */
export function expectEach<Input, Checked>(
  inputs: readonly Input[],
  check: (input: Input, i: number) => Checked,
): Checked[] {
  const faults = new Faults();
  const checked: Checked[] = [];
  for (let i = 0; i < inputs.length; i++) {
    try {
      checked.push(check(inputs[i], i)); // the holes of an array too
    } catch (error) {
      faults.take(error);
    }
  }
  faults.throwIfAny();
  return checked;
}
