"""The tools, by what they do. Importing this package registers all of them."""

from sync_pipeline.mcp.tool import TOOLS as TOOLS
from sync_pipeline.mcp.tools import act, ask, look, plans, propose, records, validation
