"""Reads the log of a server in both formats."""
import json
import re

TEXT = re.compile(r"(?P<time>\S+Z) (?P<level>[a-z]+) (?P<rest>.*)")
FIELD = re.compile(r' ([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "=]+)')
BANNER = ("Parley ", "  ")  # of the start, on standard output


def unquoted(value):
    if not value.startswith('"'):
        return value
    return re.sub(r'\\(["\\])', r"\1", value[1:-1])


def line_of(text):
    """Returns a line as {"time", "level", "message", field: value}; numbers of the text format stay text."""
    if text.startswith("{"):
        return json.loads(text)
    found = TEXT.fullmatch(text)
    assert found, f"not a log line: {text!r}"
    rest = found["rest"]
    start = FIELD.search(rest)
    fields = rest[start.start():] if start else ""
    assert FIELD.sub("", fields) == "", f"not fields: {fields!r}"
    return {"time": found["time"], "level": found["level"], "message": rest[:start.start()] if start else rest,
            **{name: unquoted(value) for name, value in FIELD.findall(fields)}}


def lines(server, message=None, **fields):
    """Returns the lines that the server has written completely, those with that message and these values."""
    complete = server.log[:server.log.rfind("\n") + 1]
    every = [line_of(text) for text in complete.split("\n")[:-1] if not text.startswith(BANNER)]
    return [line for line in every if message in (None, line["message"])
            and all(str(line.get(name)) == str(value) for name, value in fields.items())]
