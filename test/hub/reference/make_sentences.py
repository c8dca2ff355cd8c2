"""What Python's sentence-transformers leaves in the cache of the hub, as a listing.

    python test/hub/reference/make_sentences.py test/hub/reference FOLDER

Serves FOLDER on 127.0.0.1 as the hub does, loads it with SentenceTransformer, and writes sentences.json: every path of the
cache as make_reference.py writes it. FOLDER is `heads/ner` of test/pipelines/reference with
`sentence/dense` put into it. No other server is asked.

    python test/hub/reference/make_sentences.py test/hub/reference FOLDER CACHE

does the reverse: loads the model, offline, from a cache that another program has made, and checks that its vectors are
those of the folder.
"""

import json
import os
import pathlib
import sys
import tempfile
import threading

out, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
cache = sys.argv[3] if len(sys.argv) > 3 else None
sys.argv = sys.argv[:2]
sys.path.insert(0, str(pathlib.Path(__file__).parent))
FILES = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
TEXTS = ["The door was open.", "He read a letter."]


def vectors(name, **options):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(name, device="cpu", **options).encode(TEXTS)


def make():
    import http.server

    source = (pathlib.Path(__file__).parent / "make_reference.py").read_text().split("\nif len(sys.argv) > 2:")[0]
    reference = {}
    exec(compile(source, "make_reference.py", "exec"), reference)
    reference["FILES"].clear()
    reference["FILES"].update(FILES)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), reference["Hub"])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
    os.environ["HF_HUB_DISABLE_XET"] = "1"
    with tempfile.TemporaryDirectory() as home:
        os.environ["HF_HOME"] = home
        import huggingface_hub
        import sentence_transformers

        assert (vectors("org/small") == vectors(str(folder))).all()
        versions = {**reference["versions"](huggingface_hub), "sentence_transformers": sentence_transformers.__version__}
        listing = reference["listing"](pathlib.Path(home) / "hub")
    result = {"versions": versions, "commit": reference["COMMIT"], "symlinks": listing}
    (out / "sentences.json").write_text(json.dumps(result, indent=1) + "\n")


if cache:
    os.environ["HF_HUB_OFFLINE"] = "1"
    same = (vectors("org/small", cache_folder=cache, local_files_only=True) == vectors(str(folder))).all()
    print("same vectors" if same else "OTHER VECTORS")
else:
    make()
