import type { BlobFolder } from "./blobFolder.ts";
import { type BundledModel, bundledModel, isBundledFolder } from "./bundledFiles.ts";
import type { NamedFiles } from "./modelFolder.ts";

const BUNDLED: readonly BundledModel[] = ["pretrained", "embeddings"];

/**
 * What a model is called beside others, as in the file of an index: the name that it was opened by, of a path the last
 * part alone, so that the file tells nothing about folders; or what messages call a model that comes with the package.
 *
 * @returns null: there is no such name, as for files that a page was given
 */
export function nameOf(given: string | NamedFiles | BlobFolder): string | null {
  if (typeof given !== "string") return "called" in given ? given.called : null;
  const bundled = BUNDLED.find((model) => isBundledFolder(model, given));
  if (bundled) return bundledModel(bundled).called;
  if (!/^[./~]|[\\:]|\/.*\//.test(given)) return given; // an id on the hub, or as short
  const last = given.split(/[\\/]/).findLast((part) => part !== "");
  return last === undefined || /^\.+$/.test(last) ? null : last;
}
