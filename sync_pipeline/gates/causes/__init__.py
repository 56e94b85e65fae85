"""Why a gate opens: one file per cause. A new cause needs a file here and its name in the check of observe.decision."""
