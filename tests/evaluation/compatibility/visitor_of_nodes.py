"""Visitors, transformers and single dispatch over a tree whose node classes the tests define."""
# ruff: noqa

import functools


class Visitor:
    def visit(self, node):
        for cls in type(node).__mro__:
            method = getattr(self, f"visit_{cls.__name__}", None)
            if method:
                return method(node)
        raise TypeError(f"no visitor for {type(node).__name__}")


class Evaluate(Visitor):
    def __init__(self, names=()):
        self.names = dict(names)

    def visit_Number(self, node):
        return node.value

    def visit_Name(self, node):
        return self.names[node.name]

    def visit_Binary(self, node):
        return node.apply(self.visit(node.left), self.visit(node.right))


class Render(Visitor):
    def visit_Leaf(self, node):
        return str(node)

    def visit_Binary(self, node):
        return f"({self.visit(node.left)} {node.symbol} {self.visit(node.right)})"


def fold(node, leaf):
    """The same tree of new nodes, leaves replaced."""
    if isinstance(node, leaf):
        return node
    return type(node)(fold(node.left, leaf), fold(node.right, leaf))


def count(root):
    counts = {}
    stack = [root]
    while stack:
        node = stack.pop()
        counts[node.__class__] = counts.get(node.__class__, 0) + 1
        stack.extend(node.children())
    return counts


@functools.singledispatch
def depth(node):
    raise NotImplementedError(type(node).__name__)


def teach(leaf, inner):
    @depth.register(leaf)
    def _(node):
        return 1

    @depth.register(inner)
    def _(node):
        return 1 + max(depth(child) for child in node.children())


class Dispatcher:
    def __init__(self):
        self._rules = {}

    def rule(self, *types):
        def add(function):
            self._rules[types] = function
            return function

        return add

    def __call__(self, *operands):
        for types, function in self._rules.items():
            if len(types) == len(operands) and all(map(isinstance, operands, types)):
                return function(*operands)
        raise TypeError(f"no rule for {[type(operand).__qualname__ for operand in operands]}")


# ---- hidden tests ----

from abc import ABC, abstractmethod

import pytest
from solution import Dispatcher, Evaluate, Render, Visitor, count, depth, fold, teach


class Node(ABC):
    @abstractmethod
    def children(self): ...

    def accept(self, visitor):
        return visitor.visit(self)


class Leaf(Node):
    def children(self):
        return []


class Number(Leaf):
    def __init__(self, value):
        self.value = value

    def __str__(self):
        return str(self.value)


class Name(Leaf):
    def __init__(self, name):
        self.name = name

    def __str__(self):
        return self.name


class Binary(Node):
    symbol = "?"

    def __init__(self, left, right):
        self.left, self.right = left, right

    def children(self):
        return [self.left, self.right]

    def __eq__(self, other):
        return type(self) is type(other) and (self.left, self.right) == (other.left, other.right)

    def __hash__(self):
        return hash((self.left, self.right))


class Add(Binary):
    symbol = "+"

    def apply(self, a, b):
        return a + b


class Mul(Binary):
    symbol = "*"

    @staticmethod
    def apply(a, b):
        return a * b


TREE = Add(Number(2), Mul(Name("x"), Number(3)))


def test_evaluate():
    assert Evaluate({"x": 5}).visit(TREE) == 17
    with pytest.raises(KeyError):
        Evaluate().visit(TREE)


def test_render():
    assert Render().visit(TREE) == "(2 + (x * 3))"


def test_accept():
    assert TREE.accept(Render()) == Render().visit(TREE)


def test_nothing_fits():
    class Other:
        pass

    with pytest.raises(TypeError, match="no visitor for Other"):
        Visitor().visit(Other())


def test_fold():
    made = fold(TREE, Leaf)
    assert made == TREE and made is not TREE and type(made.right) is Mul and made.right.left is TREE.right.left


def test_count():
    assert count(TREE) == {Add: 1, Mul: 1, Number: 2, Name: 1}


def test_single_dispatch():
    with pytest.raises(NotImplementedError, match="Add"):
        depth(TREE)
    teach(Leaf, Binary)
    assert depth(TREE) == 3 and depth(Name("y")) == 1
    with pytest.raises(NotImplementedError, match="int"):
        depth(3)


def test_multiple_dispatch():
    collide = Dispatcher()

    @collide.rule(Leaf, Binary)
    def first(a, b):
        return "leaf", b

    @collide.rule(Node, Node)
    def second(a, b):
        return "any"

    assert collide(Number(1), TREE) == ("leaf", TREE)
    assert collide(TREE, Number(1)) == "any"
    with pytest.raises(TypeError, match="Number"):
        collide(Number(1), 3)
