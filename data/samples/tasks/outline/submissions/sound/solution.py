"""Render nested entries as a numbered outline, by recursion alone."""


def render_outline(outline, depth=None):
    """The outline as text; `depth` limits the levels shown."""
    if depth is not None and depth < 1:
        raise ValueError("depth must be at least 1")
    return "\n".join(render_rest(outline, (), 1, depth))


def count_entries(outline):
    """How many entries stand on all levels together. Raises ValueError for an entry without a title."""
    if outline == []:
        return 0
    (title, children), *rest = outline
    check_title(title)
    return 1 + count_entries(children) + count_entries(rest)


def check_title(title):
    """Refuse a title with no text in it."""
    if title.removeprefix("~") == "":
        raise ValueError("an entry needs a title")


def render_rest(outline, above, number, depth):
    """The lines of the entries from here to the end of a level.

    `above` holds the numbers of the levels above, with 0 for an aside; `number` is the next free number.
    """
    if outline == []:
        return []
    indent = "  " * len(above)
    if len(above) == depth:
        return [indent + "+" + str(count_entries(outline))]
    (title, children), *rest = outline
    check_title(title)
    aside = title.startswith("~") or 0 in above
    place = above + ((0,) if aside else (number,))
    mark = "*" if aside else ".".join(map(str, place))
    line = indent + mark + " " + title.removeprefix("~")
    following = render_rest(rest, above, number if aside else number + 1, depth)
    return [line, *render_rest(children, place, 1, depth), *following]
