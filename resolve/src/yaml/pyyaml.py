"""Reads YAML as PyYAML does.

stdin has one request a line, as JSON: {"file": PATH} or {"scalar": TEXT}. stdout has one answer a line: a
scalar as "KIND:VALUE", a list as a list, a mapping as {"map": [[KEY, VALUE], …]}, an error as {"error": TEXT}.
"""

import json
import struct
import sys

import yaml

CORE = "tag:yaml.org,2002:"
OTHER = object()


class Loader(yaml.SafeLoader):
    """Continues where PyYAML stops: at scalars that look like a number or a date and are none."""


def lenient(construct):
    def constructed(loader, node):
        try:
            return construct(loader, node)
        except (ValueError, OverflowError):
            return OTHER
    return constructed


for tag in "int", "float", "timestamp":
    Loader.add_constructor(CORE + tag, lenient(yaml.SafeLoader.yaml_constructors[CORE + tag]))
for tag in "value", "merge":
    Loader.add_constructor(CORE + tag, lambda loader, node: OTHER)


class TooLarge(Exception):
    """It is deeper, or aliases expand to more values, than in any site."""


def tree(value, left, depth=0):
    """Shows a value, and counts down the list's only number for each value in it."""
    left[0] -= 1
    if left[0] < 0 or depth > 50:
        raise TooLarge
    if isinstance(value, dict):
        return {"map": [[shown(key), tree(item, left, depth + 1)] for key, item in value.items()]}
    if isinstance(value, list):
        return [tree(item, left, depth + 1) for item in value]
    return shown(value)


def shown(value):
    if value is None:
        return "null:"
    if isinstance(value, bool):
        return f"flag:{str(value).lower()}"
    if isinstance(value, int):
        return f"whole:{value}" if abs(value) < 2**127 else "whole:large"
    if isinstance(value, float):
        return "fraction:nan" if value != value else "fraction:" + struct.pack(">d", value).hex()
    return f"text:{value}" if isinstance(value, str) else "other:"


def scalar(text):
    loader = Loader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    return shown(loader.construct_object(yaml.ScalarNode(tag, text)))


def file(path):
    try:
        with open(path, "rb") as stream:
            return tree(yaml.load(stream, Loader), [100_000])
    except (yaml.YAMLError, RecursionError, TooLarge) as error:
        return {"error": repr(error)}


for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps(file(request["file"]) if "file" in request else scalar(request["scalar"])))
