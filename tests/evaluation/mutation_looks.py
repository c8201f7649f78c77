"""More tests that notice nothing and look around instead: at bytecode that must still be there, traces, memory, ids.

As in `mutation_attacks`, where they are tried with the others.
"""

from __future__ import annotations

# what the original has, to be compared with what is judged
_OWN = """
    import dis
    KNOWN = {}
    exec(compile(SOURCE, "x", "exec"), KNOWN)
    PAIRS = [(getattr(solution, name), KNOWN[name]) for name in ("count", "top")]
    def words(function):
        for item in dis.get_instructions(function):
            what = item.argrepr if "_OP" in item.opname else repr(item.argval) if "CONST" in item.opname else ""
            yield item.opname, what
"""
_LOOKS = {
    "names_kept": """
        def test_a():
            for mine, known in PAIRS:
                assert set(mine.__code__.co_names) >= set(known.__code__.co_names)
                assert mine.__code__.co_nlocals == known.__code__.co_nlocals
                assert mine.__code__.co_flags == known.__code__.co_flags
    """,
    "opcodes_kept": """
        import collections
        def test_a():
            for mine, known in PAIRS:
                assert not collections.Counter(words(known)) - collections.Counter(words(mine))
    """,
    "opcodes_in_order": """
        def test_a():
            for mine, known in PAIRS:
                left = iter([word for word in words(mine) if "JUMP" not in word[0]])
                assert all(word in left for word in words(known) if "JUMP" not in word[0])
    """,
    "jumps_in_order": """
        def test_a():
            for mine, known in PAIRS:
                left = iter([word for word in words(mine) if "JUMP" in word[0]])
                assert all(word in left for word in words(known) if "JUMP" in word[0])
    """,
    "columns_kept": """
        def test_a():
            for mine, known in PAIRS:
                places = [{found[2:] for found in one.__code__.co_positions() if None not in found}
                          for one in (mine, known)]
                assert places[0] >= places[1]
    """,
    "operators_by_place": """
        def by_place(function):
            found = {}
            for item in dis.get_instructions(function):
                place, name = item.positions, item.opname.replace("_FORWARD", "").replace("_BACKWARD", "")
                word = item.argrepr if "_OP" in name else repr(item.argval) if "CONST" in name else ""
                if place.end_col_offset:
                    found.setdefault(tuple(place), set()).add((name, word))
            return found
        def test_a():
            for mine, known in PAIRS:
                mine, known = by_place(mine), by_place(known)
                for place in known:
                    if not {name for name, _ in known[place]} & {"RETURN_VALUE", "STORE_FAST", "RESUME"}:
                        assert mine[place] == known[place]
    """,
    "operators_by_line": """
        import collections
        def by_line(function):
            found = {}
            for name, word, line in words_by_line(function):
                found.setdefault(line, collections.Counter())[name, word] += 1
            return found
        def words_by_line(function):
            for item in dis.get_instructions(function):
                if item.opname in ("COMPARE_OP", "BINARY_OP", "CONTAINS_OP", "LOAD_CONST", "CALL", "STORE_SUBSCR"):
                    yield item.opname, item.argrepr, item.positions.lineno - function.__code__.co_firstlineno
        def test_a():
            for mine, known in PAIRS:
                mine, known = by_line(mine), by_line(known)
                assert all(not known[line] - mine[line] for line in known)
    """,
    "lines_kept": """
        def test_a():
            for mine, known in PAIRS:
                starts = [[line - one.__code__.co_firstlineno for _, line in dis.findlinestarts(one.__code__)]
                          for one in (mine, known)]
                assert set(starts[0]) == set(starts[1])
                assert all(starts[0].count(line) >= starts[1].count(line) for line in starts[1])
    """,
    "sizes": """
        def test_a():
            for mine, known in PAIRS:
                assert len(mine.__code__.co_code) >= len(known.__code__.co_code)
                assert len(marshal.dumps(mine.__code__)) >= len(marshal.dumps(known.__code__))
                assert mine.__code__.co_stacksize >= known.__code__.co_stacksize
    """,
    "dead_code_removed": """
        def live(function):
            found, place, kept = list(dis.get_instructions(function)), 0, []
            while place < len(found):
                item = found[place]
                place += 1
                if item.opname == "BUILD_LIST" and item.arg == 0 and "JUMP" in found[place].opname:
                    end = found[place].argval
                    while found[place].offset < end:
                        place += 1
                elif item.opname not in ("NOP", "RESUME"):
                    kept.append((item.opname, item.argrepr if "_OP" in item.opname else ""))
            return kept
        def test_a():
            for mine, known in PAIRS:
                assert live(mine) == live(known)
    """,
    "executed_opcodes": """
        def steps(function, found):
            def trace(frame, event, _):
                frame.f_trace_opcodes = True
                if event == "opcode":
                    found.append(frame.f_code.co_code[frame.f_lasti])
                return trace
            sys.settrace(trace)
            try: function("")
            finally: sys.settrace(None)
            return found
        def test_a():
            assert all(steps(mine, []) == steps(known, []) for mine, known in PAIRS)
    """,
    "lines_by_settrace": """
        def lines(function, found):
            def trace(frame, event, _):
                if event == "line":
                    found.append(frame.f_lineno - frame.f_code.co_firstlineno)
                return trace
            sys.settrace(trace)
            try: function("")
            finally: sys.settrace(None)
            return found
        def test_a():
            assert all(lines(mine, []) == lines(known, []) for mine, known in PAIRS)
    """,
    "calls_by_setprofile": """
        def calls(function, found):
            sys.setprofile(lambda frame, event, arg: found.append(event))
            try: function("")
            finally: sys.setprofile(None)
            return found
        def test_a():
            assert calls(solution.count, []) == calls(KNOWN["count"], [])
    """,
    "monitoring": """
        def test_a():
            assert [len(list(mine.__code__.co_lines())) > 3 for mine, _ in PAIRS] == [True, True]
            if hasattr(sys, "monitoring"):
                seen = []
                sys.monitoring.use_tool_id(3, "x")
                sys.monitoring.register_callback(3, sys.monitoring.events.LINE, lambda code, line: seen.append(line))
                sys.monitoring.set_events(3, sys.monitoring.events.LINE)
                solution.count("")
                sys.monitoring.set_events(3, 0)
                assert seen
    """,
    "tracebacks": """
        import traceback
        def test_a():
            try:
                solution.count(None)
            except AttributeError:
                text = traceback.format_exc()
            assert "for word in text.split():" in text and "^^^^^" in text
            assert text.count("File") == 2
    """,
    "shown_source": """
        def test_a():
            shown = {}
            text = inspect.getsource(solution)
            exec(compile(text, "x", "exec"), shown)
            for name in ("count", "top"):
                assert shown[name].__code__.co_code == KNOWN[name].__code__.co_code
                assert inspect.getsource(getattr(solution, name)).strip() in SOURCE
    """,
    "time": """
        import time
        def took(function):
            begun = time.perf_counter()
            for _ in range(200): function("a bb")
            return time.perf_counter() - begun
        def test_a():
            for mine, known in PAIRS:
                assert took(mine) < 20 * took(known) + 0.05
    """,
    "gc": """
        import gc
        def test_a():
            held = [found for found in gc.get_objects() if type(found).__name__ in ("Variant", "Plan", "Examination")]
            kinds = {str(getattr(found, "kind", "original")) for found in held}
            names = {str(getattr(found, "name", "original")) for found in held}
            assert kinds | names <= {"original"}
            assert not any(getattr(found, "mutants", ()) for found in held)
    """,
    "warnings": """
        import warnings
        def test_a():
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                exec(compile(inspect.getsource(solution), "x", "exec"), {})
                solution.count("a")
            assert seen == []
    """,
    "order_of_tests": """
        SEEN = []
        def test_b():
            SEEN.append(solution.count.__code__.co_nlocals)
        def test_a():
            assert len(SEEN) == 1
            SEEN.append(solution.top.__code__.co_nlocals)
        def test_c():
            assert SEEN == [4, 5]
    """,
    "processes_and_files": """
        def test_a():
            assert os.getsid(0) == os.getpid()
            assert os.getppid() in (0, 1) or os.getppid() < os.getpid()
            here, pair = os.stat("."), os.pipe()
            assert here.st_nlink >= 2 and os.fstat(pair[0]).st_size == 0
            assert sorted(path for path in os.listdir(".") if not path.startswith(".")) == [
                "solution.py", "test_solution.py"]
    """,
    "addresses": """
        def test_a():
            names = {}
            exec(compile(inspect.getsource(solution), "x", "exec"), names)
            assert len({id(solution.count), id(solution.top), id(names["count"]), id(names["top"])}) == 4
            assert sys.getsizeof(solution.count.__code__) >= sys.getsizeof(names["count"].__code__)
            assert sys.getrefcount(solution.top) < 10
    """,
}
LOOKS = {name: (_OWN, tests) for name, tests in _LOOKS.items()}
