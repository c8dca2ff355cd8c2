"""OpenVINO's side of the encoder cases: python openvino_encoder.py GRAPH THREADS

Prints its version, then for each line of JSON on its input the milliseconds that the work took:
{"shape": [B, T], "ids": […], "mask": […]}   the last hidden states of a padded batch; with "to": "FILE" they are
                                              written there too, float32
"""

import json
import sys
import time

import numpy as np
import openvino as ov

core = ov.Core()
# float32 alone: where the processor has bfloat16, OpenVINO would compute in it
settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": sys.argv[2]}
request = core.compile_model(sys.argv[1], "CPU", settings).create_infer_request()
print(ov.__version__, flush=True)
for line in sys.stdin:
    work = json.loads(line)
    ids, mask = (np.array(work[name], np.int64).reshape(work["shape"]) for name in ("ids", "mask"))
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    start = time.perf_counter()
    request.infer(feeds)
    took = time.perf_counter() - start
    if "to" in work:
        request.get_output_tensor(0).data.astype(np.float32).tofile(work["to"])
    print(took * 1000, flush=True)
