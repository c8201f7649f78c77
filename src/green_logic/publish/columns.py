"""Arrow's side of the column contract (contract.py): schema, and which columns are written how."""

from __future__ import annotations

import pyarrow as pa

from green_logic.publish import contract
from green_logic.publish.contract import COLUMNS, CONTRACT, VECTOR_SIZE
from green_logic.publish.manifest import SCHEMA_VERSION

LABEL = pa.dictionary(pa.int32(), pa.string())
TIME = pa.timestamp("us", "UTC")
VECTOR = pa.list_(pa.field("element", pa.float32(), nullable=False), VECTOR_SIZE)
_TYPES = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "float64": pa.float64(),
    "string": pa.string(),
    contract.LABEL: LABEL,
    contract.TIME: TIME,
    contract.VECTOR: VECTOR,
}
SCHEMA = pa.schema(
    [pa.field(column.name, _TYPES[column.type], nullable=column.nullable) for column in COLUMNS],
    metadata={"green_logic.contract": CONTRACT, "green_logic.schema_version": str(SCHEMA_VERSION)},
)
LABELS = tuple(column.name for column in COLUMNS if column.type == contract.LABEL)
# min and max of these help to skip row groups; of texts and digests they only cost room
WITH_STATISTICS = tuple(
    column.name
    for column in COLUMNS
    if column.name not in {"breakdown", "raw_result", "dbom_hash", "v_intent", "sigma_judge"}
)
