"""What is wrong with a data directory and the machine around it, what it means, and the command that mends it.

`examine.examine` looks and never writes; `repair.repair` mends only what loses no evidence, and deletes nothing.
`kinds.KINDS` is the catalogue.
"""
