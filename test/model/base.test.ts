import { BACKENDS } from "../support/backends.ts";
import { testBaseModel } from "../support/baseModel.ts";

// plain, and what simd is on this machine; its other variants are in base.slow.test.ts.
for (const backend of BACKENDS.slice(0, 2)) testBaseModel(backend);
