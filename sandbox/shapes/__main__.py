"""python -m sandbox.shapes [RECORDINGS]: write the shape files from recordings (folders `woo` and `odoo`)."""

import sys
from pathlib import Path

from sandbox.shapes.recordings import RECORDINGS, shape_files

recordings = Path(sys.argv[1]) if len(sys.argv) == 2 else RECORDINGS
if not (recordings / "woo").is_dir() or not (recordings / "odoo").is_dir():
    sys.exit(f"There are no recordings at {recordings}. Usage: python -m sandbox.shapes RECORDINGS")
for provider, text in shape_files(recordings).items():
    path = Path(__file__).parent / f"{provider}.json"
    path.write_text(text, "utf-8")
    print(f"{path}: {path.stat().st_size:,} bytes")
