import { ACTIVATION_NAMES } from "../kernels/activations.ts";
import { type Kernels, tableOf } from "./kernelNames.ts";
import type { TensorMemory } from "./memory.ts";
import { KEEPING_ROWS } from "./multiplyRange.ts";
import { PANEL, PART } from "./panels.ts";

/** Rows and row length of the numbers. */
const [R, N] = [6, 256];

/**
 * The warm-up: calls each kernel once, on made-up numbers. V8 optimises it in that call, where its flags say so. Some
 * 10 ms in a fresh process, of which `multiply` takes 3 (Node 26).
 *
 * @throws BertError ERR_BACKEND there is no room in the memory for some 280 KB
 */
export function warmUp(kernels: Kernels, memory: TensorMemory): void {
  const array = memory.allocate(R * N + N * N + 4 * N);
  array.fill(0.5);
  const x = array.byteOffset;
  const b = x + R * N * 4;
  const row = b + N * N * 4;
  const uses: Readonly<Record<keyof Kernels, () => unknown>> = {
    multiply: () => kernels.multiply(x, row, b, b, N * 4, 0, N * 4, R, N, N / PANEL, 0, N / PANEL, 0),
    packRows: () => kernels.packRows(x, b, N * 4, N, PANEL),
    packColumns: () => kernels.packColumns(x, b, N * 4, N, PANEL),
    softmaxRows: () => kernels.softmaxRows(x, N * 4, R, N),
    layerNorm: () => kernels.layerNorm(x, x, row, row, b, R, N, 1e-12),
    ...tableOf(ACTIVATION_NAMES, (name) => () => kernels[name](x, x, R * N)),
    finiteness: () => kernels.finiteness(b, N * N),
    multiplyStored: () => kernels.multiplyStored?.(x, row, b, b, N * 4, 0, N * 4, R, N, N / PANEL, 0, N / PANEL, 0),
    multiplyKeeping: () =>
      kernels.multiplyKeeping?.(x, row, b, b, N * 4, 0, N * 4, KEEPING_ROWS, PART, N / PANEL, 0, N / PANEL, 0, b),
    narrow: () => kernels.narrow?.(x, b, row, N / 2),
    columnScales: () => kernels.columnScales?.(row, b, N),
    quantizeRows: () => kernels.quantizeRows?.(b, row, x, R, N, 1000),
    scaleSums: () => kernels.scaleSums?.(x, row, row, row, N * 4, R, N / PANEL),
    add: () => kernels.add(x, x, b, R * N),
  };
  for (const use of Object.values(uses)) use();
  memory.release(array);
}
