import { testPrograms } from "./testPrograms.ts";

testPrograms(({ quick }) => !quick);
