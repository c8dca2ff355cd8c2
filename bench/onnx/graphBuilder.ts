import { join } from "node:path";
import { requirePeer } from "../sides/peers.ts";
import { DATA_FILE, type StoredWeight } from "./weightsFile.ts";

/** What the writer uses of protobufjs. */
interface Protobuf {
  Root: new () => {
    loadSync(path: string, options: { keepCase: boolean }): { lookupType(name: string): MessageType };
  };
}
interface MessageType {
  fromObject(object: object): object;
  encode(message: object): { finish(): Uint8Array };
}

/** TensorProto.DataType */
const ELEMENT_TYPES = { FLOAT: 1, INT8: 3, INT32: 6, INT64: 7 } as const;
type ElementType = keyof typeof ELEMENT_TYPES;

/** A number, whole or not by the operator's schema, or whole numbers. */
type Attribute = { readonly int: number } | { readonly float: number } | { readonly ints: readonly number[] };

/** An ONNX graph while it is written: every method returns the name of a value, which later nodes take as input. */
export class GraphBuilder {
  private readonly weights: ReadonlyMap<string, StoredWeight>;
  private readonly nodes: object[] = [];
  private readonly initializers = new Map<string, object>();
  private readonly inputs: object[] = [];
  private readonly outputs: object[] = [];

  constructor(weights: ReadonlyMap<string, StoredWeight>) {
    this.weights = weights;
  }

  /** @param shape sizes, or names of sizes that are known only when the graph runs */
  input(name: string, type: ElementType, shape: readonly (string | number)[]): string {
    this.inputs.push(valueInfo(name, type, shape));
    return name;
  }

  output(value: string, name: string, shape: readonly (string | number)[]): void {
    this.nodes.push({ op_type: "Identity", input: [value], output: [name] });
    this.outputs.push(valueInfo(name, "FLOAT", shape));
  }

  /** A weight of the data file. */
  weight(name: string): string {
    const stored = this.weights.get(name);
    if (!stored) throw new Error(`GraphBuilder.weight: ${name} is not in ${DATA_FILE}`);
    const place = { location: DATA_FILE, offset: String(stored.offset), length: String(stored.bytes) };
    this.initializers.set(name, {
      name,
      dims: stored.shape,
      data_type: ELEMENT_TYPES.FLOAT,
      data_location: 1, // EXTERNAL
      external_data: Object.entries(place).map(([key, value]) => ({ key, value })),
    });
    return name;
  }

  /** A constant tensor of whole numbers [n]. */
  ints(...values: number[]): string {
    const data = new BigInt64Array(values.map(BigInt));
    return this.tensor(`ints_${values.join("_")}`, "INT64", [values.length], data);
  }

  /** A constant scalar. */
  float(value: number): string {
    return this.tensor(`float_${value}`, "FLOAT", [], new Float32Array([value]));
  }

  /** A constant tensor in the model file. */
  tensor(
    name: string,
    type: ElementType,
    dims: readonly number[],
    data: BigInt64Array | Float32Array | Int8Array,
  ): string {
    this.initializers.set(name, {
      name,
      dims,
      data_type: ELEMENT_TYPES[type],
      raw_data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    });
    return name;
  }

  /**
   * A node, whose first output is returned.
   *
   * @param operator as in the specification; "com.microsoft.…" for ONNX Runtime's own
   * @param outputs how many outputs it must declare, read or not
   */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    outputs = 1,
  ): string {
    const dot = operator.lastIndexOf(".");
    const name = `${operator.slice(dot + 1)}_${this.nodes.length}`;
    this.nodes.push({
      name,
      op_type: operator.slice(dot + 1),
      domain: operator.slice(0, Math.max(dot, 0)),
      input: inputs,
      output: Array.from({ length: outputs }, (_, i) => (i === 0 ? `${name}_output` : `${name}_output_${i}`)),
      attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    });
    return `${name}_output`;
  }

  /** The model file's bytes. */
  encode(): Uint8Array {
    const { Root } = requirePeer<Protobuf>("protobufjs");
    const schema = new Root().loadSync(join(import.meta.dirname, "onnx.proto"), { keepCase: true });
    const model = schema.lookupType("onnx.ModelProto");
    const { nodes: node, inputs: input, outputs: output } = this;
    const object = {
      ir_version: 10,
      producer_name: "plainbert-bench",
      graph: { name: "bert", node, initializer: [...this.initializers.values()], input, output },
      opset_import: [
        { domain: "", version: 20 },
        { domain: "com.microsoft", version: 1 },
      ],
    };
    return model.encode(model.fromObject(object)).finish();
  }
}

function valueInfo(name: string, type: ElementType, shape: readonly (string | number)[]): object {
  const dim = shape.map((size) => (typeof size === "string" ? { dim_param: size } : { dim_value: size }));
  return { name, type: { tensor_type: { elem_type: ELEMENT_TYPES[type], shape: { dim } } } };
}

function attribute(name: string, value: Attribute): object {
  if ("int" in value) return { name, i: value.int, type: "INT" };
  if ("float" in value) return { name, f: value.float, type: "FLOAT" };
  return { name, ints: value.ints, type: "INTS" };
}
