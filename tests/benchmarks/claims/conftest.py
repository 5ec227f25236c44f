"""Networks at reduced width are made by the helpers of the exporter's own tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "export" / "models"))
