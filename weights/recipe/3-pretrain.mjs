/**
 * node weights/recipe/3-pretrain.mjs WORK
 *
 * The run itself, hours on two cores. Killed or stopped, it goes on from its last checkpoint when it is started again, to the same bits.
 *
 * When the first part came to sequences of 256 tokens, its learning rate was too small to teach the positions from 128 on: 45 % of the
 * masked tokens had been right, 30 % were then, and 31 % at the end. So there is a second part, which starts with the embeddings of the
 * first 128 positions copied to the next, as Longformer does (Beltagy et al. 2020, section 5): neighbours are neighbours there at once.
 */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors, writeSafetensors } from "plainbert/safetensors";
import { COMMON, OPTIONS, plainbert } from "./settings.mjs";

const [work] = process.argv.slice(2);
const sizes = { num_hidden_layers: 4, hidden_size: 256, num_attention_heads: 4, intermediate_size: 1024 };
const config = join(work, "config.json");
writeFileSync(config, JSON.stringify({ ...COMMON, ...sizes, initializer_range: 0.05 }));
await plainbert(
  ...[
    "pretrain",
    join(work, "examples-64"),
    join(work, "examples-128"),
    join(work, "examples-256"),
    "--config",
    config,
  ],
  ...[
    "--max-steps",
    "14000,12000,2000",
    "--batch-size",
    "64,32,16",
    "--learning-rate",
    1e-3,
    "--warmup-ratio",
    0.04,
    ...OPTIONS,
  ],
  ...["--eval-examples", join(work, "validation"), "--eval-steps", 1000, "--save-steps", 500, "--logging-steps", 50],
  ...["--output", join(work, "model"), "--resume", "--report", "--json"],
);

const start = join(work, "model-256-start");
cpSync(join(work, "model"), start, { recursive: true, filter: (path) => !path.includes("checkpoint-") });
const { tensors, toFloat32 } = readSafetensors(readFileSync(join(start, "model.safetensors")));
const copied = [...tensors].map(([name, { shape }]) => {
  const data = toFloat32(name);
  if (name.endsWith("position_embeddings.weight")) data.copyWithin(data.length / 2, 0, data.length / 2);
  return [name, { dtype: "F32", shape, data }];
});
writeFileSync(join(start, "model.safetensors"), writeSafetensors(copied, [["format", "pt"]]));
await plainbert(
  ...["pretrain", join(work, "examples-256"), "--model", start, "--max-steps", 2000, "--batch-size", 16],
  ...["--learning-rate", 3e-4, "--warmup-ratio", 0.04, ...OPTIONS, "--seed", 2],
  ...["--eval-examples", join(work, "validation-256"), "--eval-steps", 400, "--save-steps", 200, "--logging-steps", 50],
  ...["--output", join(work, "model-256"), "--resume", "--report", "--json"],
);
