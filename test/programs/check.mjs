/**
 * What every program here asks of the package, wherever it runs: answers of the two small models that come with it, an answer of a
 * model in a folder of the program's own, and how many threads really computed. Plain JavaScript without an import, as everything bundles it.
 *
 * @param plainbert the package
 * @param folder    where the program's own model is
 * @param assets    for the option of that name
 * @returns for each "works", or the sentence that was said instead
 */
export async function check({ chooseBackend, pipeline }, { folder, assets }) {
  const workers = countReadyWorkers();
  const options = { threads: 2, ...(assets && { assets }) };
  const threads = new Set();

  /** Loads a model, asks it, counts its threads. */
  async function ask(task, model, question) {
    const before = workers();
    let answer;
    try {
      answer = await pipeline(task, model, options);
    } catch (error) {
      return error.message;
    }
    const wrong = await question(answer);
    // The helper may still be starting when the first answer is there.
    for (let i = 0; i < 400 && workers() - before < 2 && answer.model.backend.threads === 2; i++) await pause(25);
    const { backend } = answer.model;
    const started = workers() - before;
    if (backend.threads === 2) threads.add(started === 2 ? "works" : `says 2 threads, but ${started} workers run`);
    else threads.add(backend.reason);
    await answer.dispose();
    return wrong ?? "works";
  }

  const masks = await ask("fill-mask", undefined, async (unmask) => {
    const [{ token_str, score }] = await unmask("She opened the [MASK] and looked out.");
    return close(score, 0.536214, 1e-5) && token_str === "door" ? null : `answers ${token_str} ${score}`;
  });
  const vectors = await ask("sentence-similarity", undefined, async (similarity) => {
    const sentences = ["The price of corn rose.", "The window is closed."];
    const scores = await similarity({ source_sentence: "Is the window shut?", sentences });
    return scores[1] > scores[0] && scores[1] < 1 ? null : `answers ${scores.join()}`;
  });
  const own = await ask("text-classification", folder, async (classify) => {
    const [{ label, score }] = await classify("The door was open.", { top_k: null });
    // The answer of Hugging Face's library: test/pipelines/reference/heads.jsonl.
    if (!close(score, 0.53867191, 1e-5) || label !== "neutral") return `answers ${label} ${score}`;
    // Tensors are of the program's own realm, so that an assertion library takes them for what they are.
    const { lastHiddenState } = await classify.model.forward(classify.tokenizer.encodeBatch(["The door was open."]));
    return lastHiddenState.data instanceof Float32Array ? null : "gives tensors of another realm";
  });
  if (threads.size === 0) threads.add(chooseBackend("auto", options).info.reason);
  return { bundled: masks === "works" ? vectors : masks, folder: own, threads: [...threads].join("; ") };
}

const close = (a, b, tolerance) => Math.abs(a - b) < tolerance;
const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

/**
 * Counts the workers that have said that they run: the one that computes `forward`, and one for each further thread. So what the package
 * says of its threads is compared with the threads that there are.
 */
export function countReadyWorkers() {
  let threads;
  try {
    threads = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  } catch {
    // Next's edge runtime throws where anybody asks.
  }
  const where = threads ?? globalThis;
  let ready = 0;
  if (where.Worker) {
    const Original = where.Worker;
    where.Worker = class extends Original {
      constructor(...args) {
        super(...args);
        const count = () => ready++;
        if (threads) this.once("message", count);
        else this.addEventListener("message", count, { once: true });
      }
    };
  }
  return () => ready;
}
