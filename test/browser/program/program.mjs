// What pages and workers do with plainbert, by whatever way they have got it. Plain JavaScript, as nothing is compiled for it.

const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
const digest = async ({ data }) => hex(await crypto.subtle.digest("SHA-256", data.slice().buffer));

/** How often the page could do something else while `work` ran. */
async function turnsDuring(work) {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await work();
  clearInterval(timer);
  return turns;
}

/** The calls that tests make; each argument and answer can be cloned. */
export function programOf(plainbert, training) {
  const { loadBert, pipeline } = plainbert;
  return {
    names: async () => Object.keys(plainbert).sort(),

    /** The bits of a model's last hidden states, computed in every way there is. */
    async bits(texts, model, options) {
      const bert = await loadBert(model, options);
      const batch = bert.tokenizer.encodeBatch(texts);
      const sync = await digest(bert.forwardSync(batch).lastHiddenState);
      const times = bert.backend.name === "plain" ? 2 : 40;
      const many = bert.tokenizer.encodeBatch(Array.from({ length: times }, () => texts).flat());
      await bert.forward(batch); // starts the workers
      const turns = await turnsDuring(() => bert.forward(many));
      const digests = [sync, await digest((await bert.forward(batch)).lastHiddenState)];
      const info = bert.backend;
      await bert.dispose();
      return { isolated: crossOriginIsolated, info, digests, turns };
    },

    /** The digest of all outputs, as the smoke program of Node has it. */
    async digest(inputs, options) {
      const bert = await loadBert(undefined, { ...options, architecture: "BertForPreTraining" });
      const output = await bert.forward(bert.tokenizer.encodeBatch(inputs));
      const { lastHiddenState, poolerOutput, predictionLogits, seqRelationshipLogits } = output;
      await bert.dispose();
      const all = [lastHiddenState, poolerOutput, predictionLogits, seqRelationshipLogits];
      return digest({ data: Float32Array.from(all.flatMap(({ data }) => Array.from(data))) });
    },

    /** A pipeline's answers, with what was told on the way. */
    async ask(task, model, calls, options = {}) {
      const events = [];
      const progress_callback = (event) => events.push(event);
      const ask = await pipeline(task, model, { ...options, progress_callback });
      const answers = [];
      for (const call of calls) answers.push(await ask(...call));
      const { backend } = ask.model;
      await ask.dispose();
      return { answers: JSON.parse(JSON.stringify(answers)), events, backend };
    },

    /** The error of a call. */
    async failure(task, model, options) {
      try {
        await pipeline(task, model, options);
      } catch (error) {
        return { name: error.name, code: error.code, message: error.message };
      }
      return null;
    },

    /** Stops a download when so many bytes of a file are there. */
    async stopAt(file, bytes, task, model, options = {}) {
      const control = new AbortController();
      const progress_callback = ({ status, file: name, loaded }) => {
        if (status === "progress" && name === file && loaded >= bytes) control.abort(new Error("stopped"));
      };
      try {
        await pipeline(task, model, { ...options, signal: control.signal, progress_callback });
      } catch (error) {
        return error.message;
      }
      return null;
    },

    /** What the browser keeps: the size of each entry. */
    async kept() {
      const cache = await caches.open("plainbert");
      const sizes = {};
      for (const request of await cache.keys())
        sizes[request.url] = (await (await cache.match(request)).arrayBuffer()).byteLength;
      return sizes;
    },

    async forget(part = "") {
      const cache = await caches.open("plainbert");
      for (const request of await cache.keys()) if (request.url.includes(part)) await cache.delete(request);
    },

    /** Puts other bytes in the place of a kept part. */
    async damage(part, at) {
      const cache = await caches.open("plainbert");
      for (const request of await cache.keys()) {
        if (!request.url.includes(part)) continue;
        const bytes = new Uint8Array(await (await cache.match(request)).arrayBuffer());
        bytes[at ?? bytes.length >> 1] ^= 1;
        await cache.put(request, new Response(bytes));
      }
    },

    /** The bits of a model without a tokenizer. */
    async bitsOf(model, inputIds) {
      const bert = await loadBert(model, { backend: "plain", architecture: "BertModel" });
      const bits = await digest(bert.forwardSync([{ inputIds }]).lastHiddenState);
      await bert.dispose();
      return bits;
    },

    /** As if the disk were full after so many entries. */
    async fill(entries) {
      const put = Cache.prototype.put;
      Cache.prototype.put = function (...args) {
        if (entries-- > 0) return put.apply(this, args);
        return Promise.reject(new DOMException("no room", "QuotaExceededError"));
      };
    },

    /** Searches in an index that is fetched. */
    async search(model, index, query) {
      const extract = await pipeline("feature-extraction", model, { backend: "plain" });
      const { search } = await plainbert
        .loadIndex(extract, index)
        .then((found) => ({ search: found.search.bind(found) }));
      const results = await search(query);
      await extract.dispose();
      return results;
    },

    /** What a model is worth on examples, without what differs from machine to machine. */
    async evaluate(model, dataset) {
      const {
        backend: _,
        seconds: __,
        model: ___,
        ...result
      } = await training.evaluate({ model, dataset, backend: "plain" });
      return { ...result, page: training.evaluationReport({ ...result, model, backend: {}, seconds: 1 }).length };
    },

    /** The errors of what writes files. */
    async noFiles() {
      const { buildIndex, saveBert } = plainbert;
      const { finetune, pretrain, readExamples } = training;
      const extract = await pipeline("feature-extraction", "/models/mlm/");
      const index = await buildIndex(extract, ["The door."]);
      const calls = [
        () => saveBert(extract.model, "mine"),
        () => index.save("mine"),
        () => finetune({ task: "text-classification", model: "mine", trainDataset: "mine", output: "mine" }),
        () => pretrain({ config: {}, phases: [], output: "mine" }),
        () => readExamples("text-classification", "mine"),
        () => training.evaluate({ model: "/models/nli/", dataset: "mine" }),
      ];
      const errors = [];
      for (const call of calls) errors.push(await call().catch(({ code, message }) => [code, message]));
      return errors;
    },

    /** The same call in a module worker. */
    async inWorker(name, ...args) {
      const worker = new Worker(globalThis.workerFile, { type: "module" });
      const answer = await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message || "the worker cannot be loaded"));
        worker.postMessage([name, args]);
      });
      worker.terminate();
      if (answer.error) throw new Error(answer.error);
      return answer.value;
    },
  };
}

/** Answers the calls of `inWorker`. */
export function listen(program) {
  globalThis.onmessage = async ({ data: [name, args] }) => {
    try {
      globalThis.postMessage({ value: await program[name](...args) });
    } catch (error) {
      globalThis.postMessage({ error: `${error.stack ?? error}` });
    }
  };
}
