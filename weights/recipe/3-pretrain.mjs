/**
 * node weights/recipe/3-pretrain.mjs WORK
 *
 * The run itself, hours on two cores. Killed or stopped, it goes on from its last checkpoint when it is started again, to the same bits.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
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
