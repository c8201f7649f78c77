def render_outline(outline, depth=None, prefix="", level=0):
    return "\n".join(lines(outline, depth, prefix, level, 1))


def lines(outline, depth, prefix, level, number):
    if not outline:
        return []
    if depth is not None and level >= depth:
        return ["  " * level + "+" + str(len(outline))]
    title, children = outline[0]
    if title.startswith("~"):
        head = "  " * level + "* " + title.strip("~")
    else:
        head = "  " * level + prefix + str(number) + " " + title
    below = lines(children, depth, prefix + str(number) + ".", level + 1, 1)
    return [head] + below + lines(outline[1:], depth, prefix, level, number + 1)


def count_entries(outline):
    if not outline:
        return 0
    return 1 + count_entries(outline[0][1]) + count_entries(outline[1:])
