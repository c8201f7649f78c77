"""Numbered outlines by recursion."""


def render_outline(outline, depth=None)
    if not outline:
        return ""
    title, children = outline[0]
    return title + "\n" + render_outline(children) + render_outline(outline[1:])


def count_entries(outline):
    if not outline:
        return 0
    return 1 + count_entries(outline[0][1]) + count_entries(outline[1:])
