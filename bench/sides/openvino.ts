import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BASE, graphPath } from "../onnx/modelFolder.ts";
import { type Engine, pad, type Sequence } from "./engine.ts";
import { openPython } from "./pythonChild.ts";

/** OpenVINO on ONNX's own operators, in float32, by the interpreter that the environment names in PYTHON; none where that does not have it. */
export async function openvino(threads: number): Promise<Engine[]> {
  const child = await openPython("openvino_encoder.py", graphPath(BASE, "plain", "encoder"), String(threads));
  if (!child) return [];
  const folder = await mkdtemp(join(tmpdir(), "plainbert-openvino-"));
  const to = join(folder, "states");
  const work = (sequences: readonly Sequence[]) => {
    const { shape, inputIds, attentionMask } = pad(sequences);
    return { shape, ids: [...inputIds], mask: [...attentionMask] };
  };
  const engine: Engine = {
    name: `OpenVINO ${child.version.split("-")[0]}`,
    library: "OpenVINO",
    async encode(sequences) {
      await child.run({ ...work(sequences), to });
      const bytes = await readFile(to);
      return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    },
    time: (sequences) => child.run(work(sequences)),
    async dispose() {
      child.dispose();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return [engine];
}
