"""A program: what deltalake takes for the same log, `deltalake_peer.py TABLE`; prints JSON.

It opens the table and lists its files; then for every line `DRAFT COMMIT` that it reads, it renames the draft and
takes the commit in. Seconds and bytes.
"""

import json
import sys
import time
from pathlib import Path

from deltalake import DeltaTable

from processes import resident


def main() -> None:
    start = time.perf_counter()
    table = DeltaTable(sys.argv[1])
    files = table.get_add_actions().num_rows
    opened = time.perf_counter() - start
    print(json.dumps({"seconds": opened, "peak": resident("self", "VmHWM"), "files": files}), flush=True)
    for line in sys.stdin:
        draft, commit = line.split()
        start = time.perf_counter()
        Path(draft).rename(commit)
        table.update_incremental()
        print(json.dumps({"seconds": time.perf_counter() - start, "version": table.version()}), flush=True)


if __name__ == "__main__":
    main()
