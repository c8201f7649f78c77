"""Every promise of the ledger, checked from the published files alone; what is broken comes out as findings.

`ledger.audit_ledger` reads a data directory, `single.check_file` one DBOM, receipt or checkpoint. Nothing here writes.
"""
