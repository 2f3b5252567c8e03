"""Answers for the official `twilio` package, one JSON object a line on standard input and output.

In:  {"token", "url", "params": [[name, value], ...], "body": text or null, "algorithm", "signature"}
Out: {"version", "computed", "valid"}: what RequestValidator computes, and whether it accepts the given signature.
"""

import json
import sys
from importlib.metadata import version

from twilio.request_validator import RequestValidator


class MultiDict(dict):
    """A form whose names may recur, as Flask and Django hand it to the validator."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.pairs = pairs

    def getall(self, name):
        return [value for other, value in self.pairs if other == name]


def main():
    for line in sys.stdin:
        request = json.loads(line)
        validator = RequestValidator(request["token"])
        form = MultiDict([tuple(pair) for pair in request["params"]])
        params = form if request["body"] is None else request["body"]
        answer = {
            "version": version("twilio"),
            "computed": validator.compute_signature(request["url"], form, request["algorithm"]),
            "valid": validator.validate(request["url"], params, request["signature"], request["algorithm"]),
        }
        print(json.dumps(answer))


main()
