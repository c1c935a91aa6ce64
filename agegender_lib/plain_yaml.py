"""YAML that says plain things: texts, numbers, lists and mappings, in a size that a person writes."""

from typing import Any

import yaml

LARGEST = 200_000
"""Characters: forty times the longest study."""
WRITTEN_OUT = 1_000_000
"""Characters with every alias replaced by what it stands for: in a kilobyte that can be more than any memory holds."""

_PREFIX = "tag:yaml.org,2002:"
_PLAIN = {_PREFIX + name for name in ("null", "bool", "int", "float", "str", "seq", "map", "merge")}


def load_plain(text: str) -> Any:
    """The content of a YAML document. Names, which stand before a colon, are texts as they are written.

    Raises
    ------
    yaml.YAMLError
        If it is no YAML, too large, nested too deep, contains itself, names a thing twice, or holds anything but texts,
        numbers, truth values, null, lists and mappings: no dates, sets, bytes or objects of Python.
    """
    if len(text) > LARGEST:
        raise yaml.YAMLError(f"{len(text):,} characters, more than the {LARGEST:,} of any such file")
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _size(node, {}) > WRITTEN_OUT:
            raise yaml.YAMLError(f"more than {WRITTEN_OUT:,} characters once its aliases are written out")
        return loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("nested too deep") from None
    except (ValueError, OverflowError, TypeError, KeyError, IndexError) as error:
        # PyYAML checks no values: 1:2:x and a number of 5,000 digits fail in Python itself
        raise yaml.YAMLError(f"a value that cannot be read, {str(error)[:100]}") from None
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How much a node stands for: a value and its characters; shared ones count every time, but are looked at once."""
    line = node.start_mark.line + 1
    if id(node) in known:
        if known[id(node)] == 0:
            raise yaml.YAMLError(f"line {line} contains itself")
        return known[id(node)]
    known[id(node)] = 0  # for as long as its children are counted
    if node.tag not in _PLAIN:
        what = node.tag.removeprefix(_PREFIX)[:60]
        raise yaml.YAMLError(
            f"line {line} holds a {what}, but known are only texts, numbers, true, false, null, lists and mappings; "
            "a text that looks like another thing goes in quotes"
        )
    if isinstance(node, yaml.ScalarNode):
        size = 1 + len(node.value)
    elif isinstance(node, yaml.SequenceNode):
        size = 1 + sum(_size(child, known) for child in node.value)
    else:
        _check_names(node)
        size = 1 + sum(_size(child, known) for pair in node.value for child in pair)
    known[id(node)] = size
    return size


def _check_names(node: yaml.MappingNode) -> None:
    names = set()
    for name, _ in node.value:
        line = name.start_mark.line + 1
        if not isinstance(name, yaml.ScalarNode):
            raise yaml.YAMLError(f"line {line} has a list or a mapping for a name")
        if name.tag != f"{_PREFIX}merge":
            name.tag = f"{_PREFIX}str"
        if name.value in names:  # PyYAML would forget the first in silence
            raise yaml.YAMLError(f"line {line} names {name.value[:60]!r} again")
        names.add(name.value)
