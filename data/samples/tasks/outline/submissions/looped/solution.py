"""The outline with an explicit stack: no recursion limit to fear."""


def render_outline(outline, depth=None):
    if depth is not None and depth < 1:
        raise ValueError("depth must be at least 1")
    lines = []
    stack = [(outline, 0, 1, "")]
    while stack:
        entries, index, number, prefix = stack.pop()
        level = len(stack)
        if index == len(entries):
            continue
        if depth is not None and level >= depth:
            lines.append("  " * level + f"+{count_entries(entries)}")
            continue
        title, children = entries[index]
        check(title)
        aside = prefix is None or title.startswith("~")
        mark = "*" if aside else f"{prefix}{number}"
        lines.append("  " * level + f"{mark} {title.removeprefix('~')}")
        stack.append((entries, index + 1, number if aside else number + 1, prefix))
        stack.append((children, 0, 1, None if aside else f"{mark}."))
    return "\n".join(lines)


def count_entries(outline):
    count = 0
    queue = list(outline)
    while queue:
        title, children = queue.pop()
        check(title)
        count += 1
        for child in children:
            queue.append(child)
    return count


def check(title):
    if title in ("", "~"):
        raise ValueError("an entry needs a title")
