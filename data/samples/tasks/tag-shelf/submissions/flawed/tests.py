# checked by hand in the shell:
# >>> shelf = TagShelf(); shelf.put("a", ["x", "y"]); shelf.put("b", ["x"])
# >>> shelf.find(["x"], ["y"])
# ['b']
