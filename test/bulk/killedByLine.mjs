/** Loaded before a worker: a text on which the process ends as if killed, as it would of a fault in native code or of no memory. */
import { BertTokenizer } from "plainbert";

const { encodeInParts } = BertTokenizer.prototype;
BertTokenizer.prototype.encodeInParts = function (text, ...others) {
  if (text === "This line kills its worker.") process.kill(process.pid, "SIGKILL");
  return encodeInParts.call(this, text, ...others);
};
