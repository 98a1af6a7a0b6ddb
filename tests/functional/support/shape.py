"""Shapes of JSON, as the transcripts in golden/ write them.

A shape is JSON. "<string>", "<int>", "<number>", "<bool>", "<any>", "<time>" stand for any value of that kind, "<string?>" also for null; any
other value stands for itself. Objects must have exactly the named keys, unless one of them is "...". ["*", shape] is a list of one or more such.
"""
import re

KINDS = {
    "<string>": lambda v: isinstance(v, str),
    "<int>": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "<number>": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "<bool>": lambda v: isinstance(v, bool),
    "<any>": lambda v: True,
    "<time>": lambda v: isinstance(v, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", v),
    "<string?>": lambda v: v is None or isinstance(v, str),
}


def differences(shape, value, path="$"):
    """What of `value` is not as `shape` says; empty when all is."""
    if isinstance(shape, str) and shape in KINDS:
        return [] if KINDS[shape](value) else [f"{path}: {value!r} is no {shape}"]
    if isinstance(shape, dict):
        return _object(shape, value, path)
    if isinstance(shape, list):
        return _list(shape, value, path)
    same = shape == value and type(shape) is type(value)
    return [] if same else [f"{path}: {value!r} is not {shape!r}"]


def _object(shape, value, path):
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no object"]
    wanted = {k: v for k, v in shape.items() if k != "..."}
    out = [f"{path}.{k} is missing" for k in wanted if k not in value]
    if "..." not in shape:
        out += [f"{path}.{k} is unexpected" for k in value if k not in wanted]
    for key in wanted.keys() & value.keys():
        out += differences(wanted[key], value[key], f"{path}.{key}")
    return out


def _list(shape, value, path):
    if not isinstance(value, list):
        return [f"{path}: {value!r} is no list"]
    if shape[:1] == ["*"]:
        return [f"{path} is empty"] if not value else [d for i, v in enumerate(value) for d in differences(shape[1], v, f"{path}[{i}]")]
    if len(shape) != len(value):
        return [f"{path}: {len(value)} elements, not {len(shape)}"]
    return [d for i, v in enumerate(value) for d in differences(shape[i], v, f"{path}[{i}]")]
