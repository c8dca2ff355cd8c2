/**
 * The WebAssembly instructions that the kernels use, named as in the specification (WebAssembly 3.0, "Index of
 * Instructions"). Each stands with its opcode, the types it takes from the stack and the type it leaves there, as
 * letters: i = i32, f = f32, d = f64, v = v128. An opcode above 0xff is a vector instruction: the prefix byte 0xfd and
 * a number after it.
 */

/** The type of a value on the stack or in a local. */
export type ValueType = "i32" | "f32" | "f64" | "v128";

/** A value type's byte in a module. */
export const VALUE_TYPES: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/** Instructions without an immediate. */
export const INSTRUCTIONS = {
  "i32.eqz": [0x45, "i", "i"],
  "i32.eq": [0x46, "ii", "i"],
  "i32.lt_u": [0x49, "ii", "i"],
  "i32.gt_u": [0x4b, "ii", "i"],
  "i32.add": [0x6a, "ii", "i"],
  "i32.sub": [0x6b, "ii", "i"],
  "i32.mul": [0x6c, "ii", "i"],
  "i32.div_u": [0x6e, "ii", "i"],
  "i32.rem_u": [0x70, "ii", "i"],
  "i32.and": [0x71, "ii", "i"],
  "i32.xor": [0x73, "ii", "i"],
  "i32.shr_u": [0x76, "ii", "i"],
  "f32.add": [0x92, "ff", "f"],
  "f32.mul": [0x94, "ff", "f"],
  "f32.div": [0x95, "ff", "f"],
  "f64.sqrt": [0x9f, "d", "d"],
  "f64.add": [0xa0, "dd", "d"],
  "f64.div": [0xa3, "dd", "d"],
  "f32.demote_f64": [0xb6, "d", "f"],
  "f64.convert_i32_u": [0xb8, "i", "d"],
  "f64.promote_f32": [0xbb, "f", "d"],
  "i32x4.splat": [0xfd11, "i", "v"],
  "f32x4.splat": [0xfd13, "f", "v"],
  "f64x2.splat": [0xfd14, "d", "v"],
  "i32x4.gt_u": [0xfd3c, "vv", "v"],
  "f32x4.lt": [0xfd43, "vv", "v"],
  "f32x4.le": [0xfd45, "vv", "v"],
  "v128.and": [0xfd4e, "vv", "v"],
  "v128.andnot": [0xfd4f, "vv", "v"],
  "v128.or": [0xfd50, "vv", "v"],
  "v128.xor": [0xfd51, "vv", "v"],
  "v128.bitselect": [0xfd52, "vvv", "v"],
  "v128.any_true": [0xfd53, "v", "i"],
  "f32x4.demote_f64x2_zero": [0xfd5e, "v", "v"],
  "f64x2.promote_low_f32x4": [0xfd5f, "v", "v"],
  "f32x4.nearest": [0xfd6a, "v", "v"],
  "i16x8.narrow_i32x4_s": [0xfd85, "vv", "v"],
  "i16x8.narrow_i32x4_u": [0xfd86, "vv", "v"],
  "i32x4.shl": [0xfdab, "vi", "v"],
  "i32x4.shr_s": [0xfdac, "vi", "v"],
  "i32x4.shr_u": [0xfdad, "vi", "v"],
  "i32x4.add": [0xfdae, "vv", "v"],
  "i32x4.sub": [0xfdb1, "vv", "v"],
  "i32x4.min_u": [0xfdb7, "vv", "v"],
  "i32x4.max_u": [0xfdb9, "vv", "v"],
  "i32x4.dot_i16x8_s": [0xfdba, "vv", "v"],
  "f32x4.abs": [0xfde0, "v", "v"],
  "f32x4.neg": [0xfde1, "v", "v"],
  "f32x4.sqrt": [0xfde3, "v", "v"],
  "f32x4.add": [0xfde4, "vv", "v"],
  "f32x4.sub": [0xfde5, "vv", "v"],
  "f32x4.mul": [0xfde6, "vv", "v"],
  "f32x4.div": [0xfde7, "vv", "v"],
  "f32x4.max": [0xfde9, "vv", "v"],
  "f32x4.pmin": [0xfdea, "vv", "v"],
  "f32x4.pmax": [0xfdeb, "vv", "v"],
  "f64x2.add": [0xfdf0, "vv", "v"],
  "f64x2.sub": [0xfdf1, "vv", "v"],
  "f64x2.mul": [0xfdf2, "vv", "v"],
  "f64x2.div": [0xfdf3, "vv", "v"],
  "i32x4.trunc_sat_f32x4_s": [0xfdf8, "v", "v"],
  "f32x4.convert_i32x4_s": [0xfdfa, "v", "v"],
  "f32x4.relaxed_madd": [0xfd0105, "vvv", "v"],
} as const;

/** Instructions whose immediate is an alignment and an offset: the address comes first, then what is stored. */
export const MEMORY_INSTRUCTIONS = {
  "f32.load": [0x2a, "i", "f"],
  "i32.load16_u": [0x2f, "i", "i"],
  "f32.store": [0x38, "if", ""],
  "i32.store16": [0x3b, "ii", ""],
  "v128.load": [0xfd00, "i", "v"],
  "v128.load8x8_s": [0xfd01, "i", "v"],
  "v128.load16x4_s": [0xfd03, "i", "v"],
  "v128.load16x4_u": [0xfd04, "i", "v"],
  "v128.load32_splat": [0xfd09, "i", "v"],
  "v128.store": [0xfd0b, "iv", ""],
} as const;

/** The instructions that the assembler writes by methods of its own, for their immediates. */
export const OPCODES = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br_if: 0x0d,
  "local.get": 0x20,
  "local.set": 0x21,
  "local.tee": 0x22,
  "i32.const": 0x41,
  "f32.const": 0x43,
  "f64.const": 0x44,
  "v128.const": 0xfd0c,
  "i8x16.shuffle": 0xfd0d,
  "i32x4.extract_lane": 0xfd1b,
  "f32x4.extract_lane": 0xfd1f,
} as const;

/** The name of an instruction that takes its operands from the stack alone. */
export type Instruction = keyof typeof INSTRUCTIONS;
/** The name of an instruction that loads or stores. */
export type MemoryInstruction = keyof typeof MEMORY_INSTRUCTIONS;
