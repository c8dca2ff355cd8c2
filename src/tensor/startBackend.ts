import type { Backend, ParameterBackend, Sharing } from "./backend.ts";
import { type BackendName, backendNamed, expectBackendName } from "./chooseBackend.ts";
import { plain } from "./kernels/index.ts";
import { createSimdBackend } from "./simd/createSimdBackend.ts";
import { memoryOrNull, type TensorMemory } from "./simd/memory.ts";
import { resolveSimdOptions, type SimdOptions } from "./simd/simdOptions.ts";
import { sizeOf } from "./tensor.ts";
import { whyNoThreads } from "./threads/platform.ts";

/**
 * A backend that is being made: it has memory at once, so that files can be read into it, and kernels when they are
 * first needed. The system reads on threads of its own while this thread compiles the kernels, in 40 to 60 ms.
 */
export interface StartedBackend extends ParameterBackend {
  /**
   * For a worker that is to start meanwhile; null where threads will not share memory. Where the finished backend has
   * none either, the worker is not needed.
   */
  readonly sharing: Sharing | null;
  /**
   * The backend, whose kernels are compiled by the first call.
   *
   * @throws BertError ERR_BACKEND the name is `simd` and it cannot run
   */
  finish(): Backend;
}

/**
 * Begins to make a backend, as `chooseBackend` makes one whole.
 *
 * @param where the function that errors name
 * @throws BertError ERR_BACKEND no backend has that name; ERR_INPUT an option has a value that it must not have
 */
export function startBackend(where: string, name: BackendName, given: SimdOptions): StartedBackend {
  const options = resolveSimdOptions(where, given);
  expectBackendName(where, name);
  const memory = name === "plain" ? null : memoryOrNull();
  let made: Backend | null = null;
  const create = () =>
    backendNamed<Backend>(where, name, options, plain, (simd) => createSimdBackend(simd, undefined, memory));
  const finish = () => {
    made ??= create();
    return made;
  };
  return {
    sharing: memory && whyNoThreads() === null ? laterSharing(options.assets, finish) : null,
    finish,
    empty: (shape) => (made || !memory ? finish().empty(shape) : emptyIn(memory, shape)),
    allFinite: (data) => finish().allFinite(data),
    packWeight: (weight) => finish().packWeight(weight),
    emptyStored: (dtype, shape) => finish().emptyStored(dtype, shape),
    storeRows: (weight, row, rows) => finish().storeRows(weight, row, rows),
  };
}

function emptyIn(memory: TensorMemory, shape: readonly number[]) {
  return { data: memory.allocate(sizeOf(shape)), shape };
}

function laterSharing(assets: string | URL | undefined, finish: () => Backend): Sharing {
  return {
    assets,
    message: () => finish().sharing?.message(),
    forget: () => finish().sharing?.forget(),
    giveUp: (reason) => finish().sharing?.giveUp(reason),
  };
}
