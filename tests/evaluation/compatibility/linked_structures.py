"""Nodes, trees and graphs: references between objects of the solution."""
# ruff: noqa


class Node:
    def __init__(self, value, next=None):
        self.value, self.next = value, next


def build(values):
    head = None
    for value in reversed(values):
        head = Node(value, head)
    return head


def reverse(head):
    previous = None
    while head:
        head.next, previous, head = previous, head, head.next
    return previous


class Tree:
    def __init__(self):
        self.root = None

    def insert(self, value):
        self.root = self._insert(self.root, value)

    def _insert(self, node, value):
        if node is None:
            return {"value": value, "left": None, "right": None}
        side = "left" if value < node["value"] else "right"
        node[side] = self._insert(node[side], value)
        return node

    def walk(self):
        return self._walk(self.root)

    def _walk(self, node):
        return [] if node is None else [*self._walk(node["left"]), node["value"], *self._walk(node["right"])]


# ---- hidden tests ----

from solution import Node, Tree, build, reverse


def values(head):
    found = []
    while head:
        found.append(head.value)
        head = head.next
    return found


def test_build():
    assert values(build([1, 2, 3])) == [1, 2, 3]


def test_reverse():
    assert values(reverse(build([1, 2, 3]))) == [3, 2, 1] and reverse(None) is None


def test_identity():
    a = Node(1)
    b = Node(2, a)
    assert b.next is a and reverse(b) is a and a.next is b


def test_assign():
    a, b = Node(1), Node(2)
    a.next = b
    assert values(a) == [1, 2]


def test_tree():
    tree = Tree()
    for n in (5, 2, 8, 1):
        tree.insert(n)
    assert tree.walk() == [1, 2, 5, 8] and tree.root["left"]["value"] == 2
