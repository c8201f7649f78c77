"""Other people's records → battles on this ledger. An import attests what was found, never a judgement of ours.

`outcomes` says what an importer yields, `registry` finds importers (entry points `green_logic.importers`), `run` takes
what they yield to the ledger. `logomesh` and `inspect_ai` are the built-in ones.
"""
