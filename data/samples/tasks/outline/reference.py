"""Reference: head and tail; every list is taken apart by recursion."""


def render_outline(outline, depth=None):
    if depth is not None and depth < 1:
        raise ValueError(f"depth {depth} is below 1")
    _check(outline)
    return "\n".join(_lines(outline, "", 1, 0, depth))


def count_entries(outline):
    if not outline:
        return 0
    return 1 + count_entries(outline[0][1]) + count_entries(outline[1:])


def _check(outline):
    if outline:
        title, children = outline[0]
        if title in ("", "~"):
            raise ValueError("an entry without a title")
        _check(children)
        _check(outline[1:])


def _lines(outline, prefix, number, level, depth):
    """`prefix` is the parent's number with its dot, or None below an aside."""
    if not outline:
        return []
    indent = "  " * level
    if level == depth:
        return [f"{indent}+{count_entries(outline)}"]
    title, children = outline[0]
    aside = prefix is None or title[0] == "~"
    mark = "*" if aside else f"{prefix}{number}"
    below = None if aside else f"{prefix}{number}."
    head = [f"{indent}{mark} {title[1:] if title[0] == '~' else title}"]
    rest = _lines(outline[1:], prefix, number + (not aside), level, depth)
    return head + _lines(children, below, 1, level + 1, depth) + rest
