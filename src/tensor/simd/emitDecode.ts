import type { StorageType } from "../tensor.ts";
import type { ModuleBuilder } from "./assembler.ts";
import { advance } from "./emitLoops.ts";
import { emitLoad } from "./emitTile.ts";

/**
 * Adds `decodeHalf`: numbers of half precision to float32, exactly. Parameters: the addresses target and source, and n,
 * a multiple of 8.
 */
export function emitDecodeHalf(m: ModuleBuilder, storage: StorageType): void {
  m.function("decodeHalf", { params: { target: "i32", source: "i32", n: "i32" } }, (f) => {
    f.local("v128", "x0", "x1");
    f.loop((again) => {
      emitLoad(f, storage, "source", 0);
      f.set("x0");
      emitLoad(f, storage, "source", 8);
      f.set("x1");
      f.get("target").get("x0").memory("v128.store", 0).get("target").get("x1").memory("v128.store", 16);
      advance(f, "source", () => f.i32(16));
      advance(f, "target", () => f.i32(32));
      f.get("n").i32(8).op("i32.sub").tee("n").brIf(again);
    });
  });
}
