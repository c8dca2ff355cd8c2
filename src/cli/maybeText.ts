import { BertError } from "../errors.ts";
import { codeOf } from "../realm.ts";

const NOT_THERE: readonly unknown[] = ["ENOENT", "ENOTDIR", "ENAMETOOLONG"];

/** Where a text goes in a command that reads files. */
export const TEXTS_FROM_FILES =
  'if it is a text: texts are read from a file or from standard input, as by echo "A text." | plainbert COMMAND -';

/**
 * What comes of opening a file that a user named. Where it is not there and its name has a space, a text may have been
 * meant: then the error says where texts go.
 */
export async function orMaybeText<T>(path: string, hint: string, opened: Promise<T>): Promise<T> {
  try {
    return await opened;
  } catch (error) {
    const isText = error instanceof BertError && /\s/.test(path) && NOT_THERE.includes(codeOf(error.cause));
    if (!isText) throw error;
    throw new BertError(error.code, `${error.message}; ${hint}`, { cause: error.cause });
  }
}
