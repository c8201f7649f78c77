"""Security findings: the tree of a submission → its weaknesses, each with a CWE number and a line."""
