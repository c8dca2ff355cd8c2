"""What Python's huggingface_hub makes of a small model, as listings of its cache.

    pip install huggingface_hub==2.4.0
    python test/hub/reference/make_reference.py test/hub/reference

Serves the files below on 127.0.0.1 as the hub does, downloads them with hf_hub_download as transformers does (the files
that do not exist are asked for too), and writes listing.json: every path of the cache, of links the target, of files the
size and the sha256. No other server is asked.

    python test/hub/reference/make_reference.py test/hub/reference CACHE

does the reverse: finds the same files in a cache that another program has made, offline, and writes found.json.
"""

import hashlib
import http.server
import json
import os
import pathlib
import sys
import tempfile
import threading

FILES = {
    "config.json": b'{"model_type": "bert"}\n',
    "vocab.txt": "".join(f"token{i}\n" for i in range(2000)).encode(),
    "model.safetensors": bytes(range(256)) * 400,
    "onnx/model.onnx": b"a file in a folder",
}
MISSING = ["modules.json", "tokenizer.json", "added_tokens.json"]
COMMIT = "5fed0cba9876543210" * 2 + "abcd"


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        if not self.path.startswith("/org/small/resolve/"):
            return self.send_error(404)  # what it asks beside the files
        _, revision, name = self.path.removeprefix("/org/small/").split("/", 2)
        assert revision in ("main", "refs%2Fpr%2F1", COMMIT), self.path
        data = FILES.get(name)
        self.send_response(200 if data is not None else 404)
        self.send_header("X-Repo-Commit", COMMIT)
        if data is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        elif len(data) < 10_000:
            self.send_header("ETag", f'"{hashlib.sha1(b"blob %d" % len(data) + bytes(1) + data).hexdigest()}"')
        else:
            self.send_header("X-Linked-Etag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Linked-Size", str(len(data)))
            self.send_header("ETag", '"of-the-other-server"')
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        if self.command == "GET" and data is not None:
            self.wfile.write(data)

    do_GET = do_HEAD

    def log_message(self, *_):
        pass


def listing(root: pathlib.Path) -> dict:
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_dir():
            found[name] = "folder"
        else:
            data = path.read_bytes()
            found[name] = f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}"
    return found


def find(cache: str) -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    import huggingface_hub

    files = {}
    for revision in ("main", "refs/pr/1", COMMIT):
        for file in FILES:
            path = huggingface_hub.hf_hub_download("org/small", file, revision=revision, cache_dir=cache)
            assert pathlib.Path(path).read_bytes() == FILES[file]
            files[f"{revision} {file}"] = os.path.relpath(path, cache)
        for file in MISSING:
            found = huggingface_hub.try_to_load_from_cache("org/small", file, revision=revision, cache_dir=cache)
            assert found is huggingface_hub._CACHED_NO_EXIST
            files[f"{revision} {file}"] = "known not to exist"
        path = huggingface_hub.snapshot_download("org/small", revision=revision, cache_dir=cache, local_files_only=True)
        files[f"{revision} snapshot_download"] = os.path.relpath(path, cache)
    scan = huggingface_hub.scan_cache_dir(cache)
    (repo,) = scan.repos
    summary = {
        "warnings": [str(warning) for warning in scan.warnings],
        "size_on_disk": scan.size_on_disk,
        "refs": sorted(repo.refs),
        "files": repo.nb_files,
    }
    write("found.json", {"versions": versions(huggingface_hub), "files": files, "scan_cache_dir": summary})


def versions(huggingface_hub) -> dict:
    return {"python": sys.version.split()[0], "huggingface_hub": huggingface_hub.__version__}


def write(name: str, result: dict) -> None:
    out = pathlib.Path(sys.argv[1]) / name
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(out)


def main() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
    os.environ["HF_HUB_DISABLE_XET"] = "1"
    result = {}
    for name, disabled in (("symlinks", "0"), ("copies", "1")):
        os.environ["HF_HUB_DISABLE_SYMLINKS"] = disabled
        for module in [m for m in sys.modules if m.startswith("huggingface_hub")]:
            del sys.modules[module]  # it reads the variables once
        import huggingface_hub
        from huggingface_hub.errors import EntryNotFoundError

        with tempfile.TemporaryDirectory() as cache:
            for revision in ("main", "refs/pr/1"):
                for file in [*FILES, *MISSING]:
                    try:
                        huggingface_hub.hf_hub_download("org/small", file, revision=revision, cache_dir=cache)
                    except EntryNotFoundError:
                        assert file in MISSING
            result[name] = listing(pathlib.Path(cache))
    write("listing.json", {"versions": versions(huggingface_hub), "commit": COMMIT, **result})


if len(sys.argv) > 2:
    find(sys.argv[2])
else:
    main()
