"""What a YAML file may be, so that a small one can't take hours: values with aliases resolved, depth, numbers."""

from __future__ import annotations

from itertools import chain
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

VALUE_LIMIT = 20_000  # keys and values after aliases and merge keys are resolved: a small file can name billions
DEPTH_LIMIT = 50  # of mappings and lists in each other
NUMBER_LIMIT = 400  # characters: the longest number that means anything has fewer
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class OutOfBoundsError(MarkedYAMLError):
    """The file is larger than a study can be, at this place."""

    def __init__(self, rule: str, node: Node | None) -> None:
        super().__init__(problem=rule, problem_mark=node.start_mark if node is not None else None)


def bounded_yaml() -> YAML:
    """A safe reader that follows YAML 1.2, where 1e-3 is a number and `no` a word; it raises OutOfBoundsError."""
    yaml = YAML(typ="safe", pure=True)  # the other loader, in C, is of YAML 1.1
    yaml.Composer = _BoundedComposer
    return yaml


class _BoundedComposer(Composer):
    """Makes nodes of what is parsed, before any value is made of one: merge keys are multiplied out only then."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader)
        self._sizes: dict[int, int] = {}  # by a finished node's id: keys and values in it, aliases resolved
        self._nested = self._composed = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node. Raises OutOfBoundsError where it is too large, too deep, too long, or contains itself."""
        is_alias = self.parser.check_event(AliasEvent)
        self._nested, self._composed = self._nested + 1, self._composed + 1
        if self._nested > DEPTH_LIMIT:
            raise OutOfBoundsError(f"must be nested at most {DEPTH_LIMIT} deep", parent)
        node = super().compose_node(parent, index)
        self._nested -= 1
        if is_alias and id(node) not in self._sizes:
            raise OutOfBoundsError("an alias must not contain itself", node)
        if not is_alias:
            self._sizes[id(node)] = self._size(node)
        if max(self._composed, self._sizes[id(node)]) > VALUE_LIMIT:
            raise OutOfBoundsError(f"must hold at most {VALUE_LIMIT} values, aliases resolved", parent or node)
        return node

    def _size(self, node: Any) -> int:
        if isinstance(node, ScalarNode):
            if len(node.value) > NUMBER_LIMIT and str(node.tag) in _NUMBERS:
                raise OutOfBoundsError(
                    f"a number must have at most {NUMBER_LIMIT} characters, but this one has {len(node.value)}", node
                )
            return 1
        parts = chain.from_iterable(node.value) if isinstance(node, MappingNode) else node.value
        return 1 + sum(self._sizes[id(part)] for part in parts)
