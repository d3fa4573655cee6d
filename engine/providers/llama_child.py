"""The child process of the embedded engine: llama.cpp's own server on one GGUF file.

Started by `engine.providers.llama_cpp` with its settings as one JSON argument. Prints the
address when it listens, and ends when its standard input closes: that is when its parent died.
"""

import json
import sys
from typing import Any

import xllamacpp

HOST = "127.0.0.1"


def parameters(settings: dict[str, Any]) -> "xllamacpp.CommonParams":
    """The engine's parameters for our settings."""
    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.model_alias = {settings["alias"]}
    params.hostnames = [HOST]
    params.port = 0
    params.n_parallel = settings["parallel"]
    params.n_ctx = settings["context_tokens"] * settings["parallel"]
    params.warmup = False
    params.endpoint_metrics = False
    params.endpoint_slots = False
    if settings["threads"]:
        params.cpuparams.n_threads = settings["threads"]
    return params


def main() -> None:
    settings = json.loads(sys.argv[1])
    server = xllamacpp.Server(parameters(settings))
    sys.stdout.write(json.dumps({"address": server.listening_address}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
