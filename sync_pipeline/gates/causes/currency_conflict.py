"""A store's currency is not the organization's, and its prices name no currency."""

from sync_pipeline.gates.cause import Cause, Option

CAUSE = Cause(
    name="currency_conflict",
    found_by="capture",
    blocks="prices without a currency, of one connection",
    question="{store} has prices in {theirs}, but {organization} uses {ours}. Which currency are these prices in?",
    options=(
        Option(
            "hold",
            "Records with prices are not promoted from this store, but deletions are; all else continues.",
            "None.",
        ),
        Option(
            "own_currency",
            "Its prices are promoted in {theirs}.",
            "Reports that add prices up must separate {theirs} from {ours}.",
        ),
        Option("as_organization", "Its prices are promoted as if they were {ours}.", "Amounts may be wrong."),
    ),
    constraint="prices without a currency are read as the organization's currency",
    rules=("prices without a currency are in the organization's",),
    ends="the currencies agree, or the connection's currency is set",
    sets={"own_currency": {"currency": "store_currency"}},
)
