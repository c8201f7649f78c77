"""Rows → what others read: Parquet exports, DBOM archives, backups. The only modules that import pyarrow."""
