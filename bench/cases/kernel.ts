import { type CaseGroup, simpleCase } from "../harness/case.ts";
import { timed } from "../harness/interleave.ts";
import { OURS } from "../harness/results.ts";
import { plainbertMatmul } from "../sides/plainbert.ts";

/** The kernel of the linear layers by itself, on one thread. */
export const kernelGroup: CaseGroup = {
  planned: [{ id: "matmul", seconds: 3 }],
  async open() {
    const { flops, run } = plainbertMatmul();
    const title = "a kernel alone: 128 × 768 times 768 × 3072";
    const side = timed(OURS, OURS, async () => run());
    return { cases: [simpleCase({ id: "matmul", title, unit: "ms", flops }, [side])] };
  },
};
