"""A Lambda environment for one handler: `python -m tests.aws.invoke api.handler.handler`.

Takes an event a line on stdin; answers a line with the result and the names of the variables asked for so far.
"""

import json
import sys
from importlib import import_module
from os import environ
from types import SimpleNamespace
from typing import Any


class _Recorder(dict[str, str]):
    def __init__(self) -> None:
        super().__init__(environ)
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)


class _Context:
    function_name = "golden"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def main() -> None:
    recorder = _Recorder()
    vars(import_module("infra.settings"))["os"] = SimpleNamespace(environ=recorder)
    module, _, name = sys.argv[1].rpartition(".")
    handler = getattr(import_module(module), name)
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            result = handler(json.loads(line), _Context())
        except Exception as error:  # noqa: BLE001 - as Lambda answers whoever invoked it
            result = {"errorType": type(error).__name__, "errorMessage": str(error)}
        print(json.dumps({"result": result, "read": sorted(recorder.read)}), file=answers, flush=True)


if __name__ == "__main__":
    main()
