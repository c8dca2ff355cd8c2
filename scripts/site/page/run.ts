/** Runs the examples of a page, each in a worker of its own, and compares what is printed with what the page says. */
import { flat, roundedLike } from "./printed.ts";
import type { Said } from "./runWorker.ts";

const running = new Map<HTMLElement, () => void>();

/** Starts the example of a box, or stops it. @param drawn called when the box has changed */
export function toggle(box: HTMLElement, drawn: () => void): void {
  const stop = running.get(box);
  if (stop) stop();
  else start(box, drawn);
}

function start(box: HTMLElement, drawn: () => void): void {
  const label = box.querySelector("button > span") as HTMLElement;
  const status = box.querySelector("[role=status]") as HTMLElement;
  const output = outputOf(box);
  const worker = new Worker(new URL("./run-worker.js", import.meta.url), { type: "module" });
  const end = (said: string) => {
    worker.terminate();
    running.delete(box);
    label.textContent = "Run again";
    status.textContent = said;
    drawn();
  };
  worker.onmessage = ({ data }: MessageEvent<Said>) => {
    if ("printed" in data) output.textContent += data.printed;
    else if ("error" in data) end(`It stopped: ${data.error}`);
    else end(verdict(box));
    drawn();
  };
  worker.onerror = ({ message }) => end(`It stopped: ${message || "its worker could not be started"}`);
  running.set(box, () => end("It was stopped."));
  output.textContent = "";
  label.textContent = "Stop";
  status.textContent = "Running. The first example fetches the model: 11 or 17 MB.";
  worker.postMessage(box.dataset.run);
}

/** Where a box shows what is printed, beside what the page says. */
function outputOf(box: HTMLElement): HTMLElement {
  const outputs = box.querySelector(".outputs") as HTMLElement;
  (outputs.querySelector(".expected") as HTMLElement).hidden = false;
  const known = outputs.querySelector<HTMLElement>(".printed code");
  if (known) return known;
  const part = document.createElement("div");
  part.className = "printed";
  part.innerHTML = '<p class="label">Printed here</p><pre><code></code></pre>';
  outputs.append(part);
  return part.querySelector("code") as HTMLElement;
}

function verdict(box: HTMLElement): string {
  const [expected, printed] = [".expected", ".printed"].map(
    (part) => box.querySelector(`${part} code`)?.textContent ?? "",
  );
  const isSame = flat(roundedLike(expected, printed)) === flat(expected);
  box.dataset.ran = isSame ? "same" : "different";
  return isSame ? "The same, to the digits that the page shows." : "It printed something else than the page says.";
}
