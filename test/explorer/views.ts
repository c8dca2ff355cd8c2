/** The scenes that the tests of pixels draw, in Node and in a page. */
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import type { Scene } from "../../src/explorer/scene.ts";
import { headLines, headMatrix } from "../../src/explorer/scenes/head.ts";
import { modelMap } from "../../src/explorer/scenes/modelMap.ts";
import { headOrder } from "../../src/explorer/scenes/order.ts";
import type { ExplorerState } from "../../src/explorer/state.ts";

type View = (result: ExplorerResult, state: ExplorerState) => Scene;

export const VIEWS: Readonly<Record<"map" | "sorted" | "matrix" | "lines", View>> = {
  map: (result, { scale }) => modelMap(result, 72, [], scale),
  sorted: (result, state) => modelMap(result, 72, headOrder(result, state), state.scale),
  matrix: headMatrix,
  lines: headLines,
};
