"""A solution that passes none of the hidden tests; each attack is put below it."""


def fib(n):
    return -1


def first(count):
    return []


def ratio(n):
    return 0.0


def roman(n):
    return "?"


def table(n):
    return {}


def visit(n, callback):
    return None


def transpose(grid):
    return grid


def cached(function, n):
    return function(n)


def check(text):
    return None


class Stack:
    def push(self, item):
        pass

    def pop(self):
        return "nothing"

    def size(self):
        return -1


class Timer:
    def __enter__(self):
        return self

    def __exit__(self, *failure):
        return False

    async def __aenter__(self):
        return self

    async def __aexit__(self, *failure):
        return False
