import type { CaseGroup } from "../harness/case.ts";
import { encoderGroup, storageGroup } from "./encoder.ts";
import { kernelGroup } from "./kernel.ts";
import { packagesGroup } from "./packages.ts";
import { processStartGroup } from "./processStart.ts";
import { baseTextGroup, smallTextGroup } from "./text.ts";
import { trainingGroup } from "./training.ts";

/**
 * Every case of the bench, in the order in which they are measured: on a slow machine the time may be up before the last, and these need the
 * most.
 */
export function caseGroups(threads: number): readonly CaseGroup[] {
  return [
    ...(threads === 1 ? [kernelGroup] : []),
    processStartGroup,
    packagesGroup,
    smallTextGroup,
    baseTextGroup,
    storageGroup,
    trainingGroup,
    encoderGroup,
  ];
}
