"""Split execution: the solution in one sandbox, the tests in another, and plain values between them.

The side of the tests (T) trusts nothing that the side of the solution (S) sends. See docs/split-execution.md.
"""
