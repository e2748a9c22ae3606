"""Compiles files in memory, named on standard input with NULs between them."""
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")
for name in sys.stdin.buffer.read().split(b"\0"):
    try:
        with open(name, "rb") as source:
            compile(source.read(), os.fsdecode(name), "exec", dont_inherit=True)
    except Exception as error:  # whatever it is, this file does not compile
        print(json.dumps({
            "File": name.decode("utf-8", "replace"),
            "Line": getattr(error, "lineno", None) or 0,
            "Column": getattr(error, "offset", None) or 0,
            "Message": "%s: %s" % (type(error).__name__, getattr(error, "msg", None) or error),
        }))
