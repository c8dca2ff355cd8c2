import { expect } from "vitest";
import type { HeadOutput } from "../../src/model/forward.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

/** Fails unless both have the same fields, shapes and bits. As toStrictEqual, which takes seconds for so many numbers. */
export function expectSame(got: HeadOutput, want: HeadOutput): void {
  expect(Object.keys(got).sort()).toEqual(Object.keys(want).sort());
  for (const [name, value] of Object.entries(want) as [keyof HeadOutput, Tensor | readonly Tensor[]][]) {
    const [ours, theirs] = [got[name] as Tensor | Tensor[], value].map((tensors) => [tensors].flat() as Tensor[]);
    expect(
      ours.map(({ shape }) => shape),
      name,
    ).toEqual(theirs.map(({ shape }) => shape));
    for (const [i, { data }] of theirs.entries()) expect(bytes(ours[i].data).equals(bytes(data)), name).toBe(true);
  }
}

const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);
