"""What is sent and answered.

Written by `make client` from the OpenAPI document; do not edit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class AcceptRow(BaseModel):
    """A red row that is accepted, by its name, and why."""

    model_config = ConfigDict(extra="forbid")

    row: str
    why: str


class AcceptedRow(BaseModel):
    """A row that was red or waited, which a person accepted as it was found then, and why."""

    row: str
    why: str
    verdict: Literal["fail", "not_run", "waiting"]
    found: str | None


class ActivityPage(BaseModel):
    """The audit log, newest first. It has these two fields alone, which plugins rely on."""

    data: list[ActivityRow]
    # How many lines there are in all pages.
    rowCount: int  # noqa: N815


class ActivityRow(BaseModel):
    """One line of the audit log."""

    activity_id: int
    occurred_at: datetime
    event: str
    actor: str
    connection: str | None
    entity_type: str | None
    # Counts and ids; never a payload.
    detail: Any


class Alive(BaseModel):
    """The process is running."""

    status: Literal["ok"] = "ok"


class Application(BaseModel):
    """How to apply a plan."""

    model_config = ConfigDict(extra="forbid")

    # Apply the plan only if it has this hash.
    hash: str | None = None
    # Records per transaction; default: the connection's setting.
    batch_size: int | None = None
    # Pause between two batches; default: the connection's setting.
    batch_delay_ms: int | None = None


class Approval(BaseModel):
    """An approval: what of, by whom and how, and what became of it.

    It is open while it can be spent; void if its plan was refused or undone meanwhile."""

    approval_id: int
    subject: Literal["plan", "answer", "migration"]
    subject_id: str
    # Of what was approved: nothing else can be done with it.
    hash: str
    granted_by: str
    # How it was granted.
    via: Literal["explorer", "api", "command", "run", "policy"]
    policy_id: int | None
    granted_at: datetime
    expires_at: datetime
    state: Literal["open", "spent", "withdrawn", "expired", "void"]
    spent_at: datetime | None
    spent_by: str | None
    withdrawn_at: datetime | None
    withdrawn_by: str | None


class ApprovalPolicy(BaseModel):
    """A policy, and what became of it. `rows_today`: records of the plans it let through in the last 24 hours.

    It is open while it can let a plan through; paused by itself; ended with its token, or with the access of
    whoever granted it."""

    policy_id: int
    token_id: int
    # The token's name, or its number.
    token: str
    connections: list[str]
    connection_ids: list[int]
    entity_types: list[str]
    actions: list[str]
    # Records of a plan, at most.
    max_plan: int
    # Records of all its plans in 24 hours, at most.
    max_day: int
    # Share of an entity's captured records, at most.
    max_share: str
    allows: list[str]
    window_from: str | None
    window_to: str | None
    zone: str | None
    granted_by: str
    granted_at: datetime
    expires_at: datetime
    why: str | None
    state: Literal["open", "paused", "expired", "revoked", "ended"]
    revoked_at: datetime | None
    revoked_by: str | None
    paused_at: datetime | None
    paused_why: str | None
    rows_today: int
    in_window: bool


class ApprovedHash(BaseModel):
    """The plan is approved that has exactly this hash."""

    model_config = ConfigDict(extra="forbid")

    # The plan's hash.
    hash: str


class ChangedSince(BaseModel):
    """A record that is not in the version that was seen."""

    external_id: str
    # The version that was seen; null: the caller did not see it.
    seen: str | None
    now: str


class CheckResult(BaseModel):
    """The result of a check for one organization: `found` counts the violations, `detail` says what to do."""

    name: str
    ok: bool
    severity: Literal["error", "warning"]
    found: int
    detail: str
    examples: list[str] = Field(default_factory=list)


class ChecksInfo(BaseModel):
    """The results of the business checks. `ok`: none failed; there may be warnings."""

    ok: bool
    checks: list[CheckResult]


class ChoiceCounts(BaseModel):
    """Records of one status, by the decision about the captured version."""

    total: int
    include: int
    ignore: int
    undecided: int


class CompatInfo(BaseModel):
    """The legacy views, compared with their core tables."""

    ok: bool
    # How many legacy views there are.
    views: int
    divergences: list[Divergence]


class ConnectionInfo(BaseModel):
    """A store, without its secrets."""

    name: str
    provider: str
    store_url: str
    # Effective settings, without secrets.
    settings: Any
    health: Literal["unknown", "healthy", "failing"]
    health_detail: str | None
    last_sync_at: datetime | None


class ConnectionStatus(BaseModel):
    """One connection and its entities, in the order they depend on each other."""

    name: str
    provider: str
    entities: list[EntityStatus]


class Credentials(BaseModel):
    """New secrets, and optionally a new address: old secrets are never sent to a new address."""

    model_config = ConfigDict(extra="forbid")

    credentials: dict[str, Any]


class DecidedByOther(BaseModel):
    """A decision of someone else."""

    external_id: str
    who: str
    when: datetime
    decision: Literal["include", "ignore"]


class DecisionInfo(BaseModel):
    """A gate: the question, its possible answers, and the answer once it is given."""

    decision_id: int
    connection: str | None
    entity_type: str | None
    cause: str
    question: str
    # The constraint, the rules affected, the risks, the records.
    detail: Any
    options: list[OptionInfo]
    # The safest option.
    recommended: str
    owner: str | None
    opened_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    why: str | None
    # What happened because of the answer.
    outcome: str | None
    # The entity types of this connection that are not promoted until then.
    blocks: list[str]
    # When the stopped work was resumed.
    resumed_at: datetime | None


class Deleted(BaseModel):
    """A deletion in the store."""

    # When it was found.
    at: datetime | None
    # Is its deletion promoted?
    in_core: bool


class DeletedView(BaseModel):
    """A deleted view."""

    view_id: int
    deleted: Literal[True] = True


class DeliveryTaken(BaseModel):
    """How the delivery was classified: stored for processing, already known, a ping, or not about a record."""

    taken: Literal["stored", "known", "ping", "nothing"]


class Disconnected(BaseModel):
    """A store that is no longer used."""

    name: str
    disconnected: Literal[True] = True


class Divergence(BaseModel):
    """Columns (`compat.view.column`) that a view lacks, or has and its core table does not."""

    table: str
    found: int
    columns: list[str]


class DroppedRule(BaseModel):
    """A rule that has ended. Its decisions stay."""

    rule_id: int
    dropped: Literal[True] = True


class EntityCounts(BaseModel):
    """How many records an entity has, or a search finds, by status and decision."""

    entity: str
    total: int
    in_sync: int
    new: ChoiceCounts
    updated: ChoiceCounts
    deleted: ChoiceCounts
    # True: a search among very many records, of which the first 1,000 finds count.
    capped: bool


class EntityIds(BaseModel):
    """Records of one entity."""

    model_config = ConfigDict(extra="forbid")

    entity: str
    # The store's ids.
    ids: list[str]


class EntityPreview(BaseModel):
    """The differences that the newest comparison of an entity found."""

    connection: str
    entity: str
    new: int
    updated: int
    deleted: int
    in_sync: int
    # Of those in sync: mapped by an older mapper; a remap plan renews them.
    mapped_by_older: int
    # The fetch was capped: the store may hold more.
    capped: bool
    # How many records the store reported.
    remote_total: int | None


class EntityStatus(BaseModel):
    """The status of one entity of a connection."""

    entity: str
    captured: int
    new: int
    updated: int
    deleted: int
    in_sync: int
    # Of those in sync: mapped by an older mapper; a remap plan renews them.
    mapped_by_older: int
    included: int
    ignored: int
    undecided: int
    promoted: int
    quarantined: int
    ledger: Ledger
    watermark: datetime | None
    last_run: datetime | None
    # A note for people, such as: this is an initial import.
    message: str | None
    # Webhook deliveries that wait, also those that wait for a store that did not answer.
    deliveries: int = 0


class Filter(BaseModel):
    """All records that match."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    # All records with this status.
    status: Literal["new", "updated", "deleted", "in_sync"] | None = None
    # All records with this decision.
    selection: Literal["include", "ignore", "undecided"] | None = None
    # All records that this search finds.
    search: str | None = None
    # All records of the entity that differ from core.
    all: bool = False
    # Except these ids.
    except_: list[str] = Field(default_factory=list, alias="except")


class Finding(BaseModel):
    """One line of the doctor's report."""

    level: Literal["ok", "warning", "error"]
    code: str
    message: str
    # What to do.
    remedy: str = ""


class FullSync(BaseModel):
    """The request for a full sync. `run_id` is the Dagster run, once there is one."""

    request: RequestInfo
    run_id: str | None


class GivenAnswer(BaseModel):
    """A person's answer to a gate."""

    model_config = ConfigDict(extra="forbid")

    # One of the options.
    choose: str
    why: str


class GivenWebhookSecret(BaseModel):
    """The secret that signs the store's webhooks: 16 characters or more. An empty one removes the present secret:
    then all webhooks are rejected."""

    model_config = ConfigDict(extra="forbid")

    secret: str


class HeldBack(BaseModel):
    """How many records of a plan a decision keeps out of core: nobody has answered it, or the answer was hold."""

    decision: int
    records: int


class IgnoredRecord(BaseModel):
    """A valid record of a push that changed nothing."""

    # Its place in the batch, from 0.
    place: int
    # Its id.
    id: str
    # What is stored is newer; it is deleted in the store; a later one of the batch is laid over.
    outcome: Literal["older", "deleted", "superseded"]
    reason: str


class Ledger(BaseModel):
    """The ids of the last run: `expected` = `captured` + `quarantined` + `vanished` if it is closed."""

    expected: int
    captured: int
    quarantined: int
    vanished: int
    closed: bool


class Line(BaseModel):
    """One record of a queue, as people see it."""

    line_no: int
    connection: str
    entity_type: str
    external_id: str
    action: Literal["create", "update", "delete"]
    state: Literal["draft", "processing", "done", "failed", "cancelled"]
    attempts: int
    is_action_required: bool
    reason: str | None
    warnings: list[str]
    finished_at: datetime | None


class LoggedDecision(BaseModel):
    """A decision: what was asked, of whom, with which options and risks, and what came of the answer.

    `number` names it within its kind. A change of settings was asked by nobody: it has no options. A migration
    has a line for each step: proposed, tried, approved, refused, applied; its `outcome` begins with the last
    trial's verdict."""

    kind: Literal["gate", "schema", "settings", "policy", "signoff", "migration"]
    number: str
    # What it is about: a gate's cause, a setting, a milestone.
    subject: str
    connection: str | None
    question: str
    owner: str | None
    opened_at: datetime
    # Each with its effect and risk.
    options: list[dict[str, Any]]
    recommended: str | None
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    why: str | None
    outcome: str | None


class LoggedDelivery(BaseModel):
    """A webhook delivery of a run."""

    topic: str
    # The record's id.
    id: str
    # What became of the record. `deleted`: the store has it no more, and its deletion is captured; `gone`: the store
    # has no such record, and none is captured; `waiting`: it did not answer.
    outcome: Literal["new", "changed", "unchanged", "deleted", "gone", "quarantined", "waiting"]
    # Was its body accepted, or the store asked, and what it said.
    why: str


class Login(BaseModel):
    """The credentials of a user."""

    model_config = ConfigDict(extra="forbid")

    org: str
    email: str
    password: str


class LoginSession(BaseModel):
    """A session. Its token is shown once."""

    org: str
    role: Literal["viewer", "operator", "admin", "plugin", "agent"]
    expires_at: datetime
    token: str


class MadePlan(BaseModel):
    """The plan. If it is None, `message` says why."""

    plan: Plan | None
    message: str | None = None
    # What agents proposed and the plan leaves out.
    left_out: str | None = None


class MadeToken(BaseModel):
    """A new token. It is shown once."""

    token_id: int
    token: str
    role: Literal["viewer", "operator", "admin", "plugin", "agent"]
    connection: str | None
    expires_at: datetime | None


class Materialization(BaseModel):
    """Entities whose selected records to promote, in the order of their dependencies."""

    model_config = ConfigDict(extra="forbid")

    # The connection's name. Without it and without `entities`: all connections. With `entities` it is required if
    # there are several.
    connection: str | None = None
    # All entities if empty.
    entities: list[str] = Field(default_factory=list)
    # Records per transaction; default: the connection's setting.
    batch_size: int | None = None
    # Pause between two batches; default: the connection's setting.
    batch_delay_ms: int | None = None


class MatrixRow(BaseModel):
    """What a check found at one place: an entity of a connection, a core table (`entity` alone), or the
    organization.

    `row` names it: `check/connection/entity`, without the parts that it has not."""

    # Its name, which a sign-off accepts it by.
    row: str
    check: str
    connection: str | None
    entity: str | None
    # Red: fail, not_run. Yellow: waiting, for a person.
    verdict: Literal["pass", "waiting", "fail", "not_run", "not_applicable"]
    expected: str | None
    found: str | None
    # At most 20 of those that are wrong.
    ids: list[str]
    # What holds, or what is wrong and what to do.
    words: str
    # SHA-256 of the statement that found it.
    statement: str
    # The snapshot it was read in; none: transactions of its own.
    snapshot: str | None
    # Of the statement, which may answer for several rows.
    seconds: float


class Me(BaseModel):
    """The caller: organization, role and rights."""

    org: str
    role: Literal["viewer", "operator", "admin", "plugin", "agent"]
    # Your name in the audit log.
    actor: str
    # The connection this token is bound to.
    connection: str | None = None
    rights: list[str]


class MissingParts(BaseModel):
    """Records of a plan whose parts, of another `entity`, differ from core and are not in the plan: lines of
    orders.

    `records`: how many of the plan's records have such parts; `parts`: how many parts. Of each entity, at most
    20,000 of the plan's records are looked at."""

    connection: str
    entity: str
    of: str
    records: int
    parts: int


class NewApproval(BaseModel):
    """The plan that is approved, and its hash: nothing else can be done with the approval."""

    model_config = ConfigDict(extra="forbid")

    plan_id: UUID
    hash: str


class NewConnection(BaseModel):
    """A store to connect. `settings`: the provider's (`GET /api/v1/providers`), with the address and secrets."""

    model_config = ConfigDict(extra="forbid")

    provider: str
    name: str
    settings: dict[str, Any]


class NewPlan(BaseModel):
    """What to plan: by default everything that is included and not yet in core."""

    model_config = ConfigDict(extra="forbid")

    # The connection's name. Without it and without `entities`: all connections. With `entities` it is required if
    # there are several.
    connection: str | None = None
    # All entities if empty.
    entities: list[str] = Field(default_factory=list)
    # Plan the records that an older mapper mapped instead, except ignored ones.
    remap: bool = False
    # What these selections included, and nothing else.
    batches: list[int] | None = None
    # The reason, for the audit log.
    why: str | None = None


class NewPolicy(BaseModel):
    """What plans of one token need no approval of their own. What it does not name it forbids."""

    model_config = ConfigDict(extra="forbid")

    # The agent's token.
    token_id: int
    connections: list[str]
    entities: list[str]
    actions: list[Literal["create", "update", "delete"]] = Field(default_factory=list)
    # Records of a plan, at most.
    max_plan: int
    # Records of all its plans in 24 hours, at most.
    max_day: int
    # Share of an entity's records, at most.
    max_share: float | str
    # Lets through also: `money` (values that are money change), `warnings`, `conflicts` (a SKU or e-mail that another
    # record has), `first` (the first promotion of an entity).
    allows: list[Literal["money", "warnings", "conflicts", "first"]] = Field(default_factory=list)
    window: Window | None = None
    # Days until it expires.
    days: float = 30
    # The reason, for the audit log.
    why: str | None = None


class NewProposedAnswer(BaseModel):
    """How a gate would be answered, and why. A person accepts it, or answers otherwise."""

    model_config = ConfigDict(extra="forbid")

    # One of the options.
    choose: str
    why: str


class NewRule(BaseModel):
    """A rule to add. `field` and `value` belong to ignore_where."""

    model_config = ConfigDict(extra="forbid")

    entity: str
    # follow_updates: include changes and deletions of what is in core; include_new: include new records;
    # ignore_where: ignore records whose `field` has this `value`.
    kind: Literal["follow_updates", "include_new", "ignore_where"]
    field: str | None = None
    value: Any | None = None
    # The reason, for the audit log.
    why: str | None = None


class NewSignoff(BaseModel):
    """What a person signs: the newest matrix, by its hash."""

    model_config = ConfigDict(extra="forbid")

    # SHA-256 of its manifest.
    hash: str
    milestone: str
    note: str
    accept: list[AcceptRow] = Field(default_factory=list)


class NewToken(BaseModel):
    """A token to create. The role plugin needs a connection."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["viewer", "operator", "admin", "plugin", "agent"]
    # Purpose.
    name: str | None = None
    connection: str | None = None
    # Days until it expires, more than 0 and at most 3660; never if not set.
    days: float | None = None
    # For an agent: it reads personal data; otherwise pseudonyms.
    unmasked: bool = False


class NewUser(BaseModel):
    """A user to add."""

    model_config = ConfigDict(extra="forbid")

    email: str
    password: str
    role: Literal["viewer", "operator", "admin"]


class NewView(BaseModel):
    """A view to save: at least one filter, a search or an order."""

    model_config = ConfigDict(extra="forbid")

    entity: str
    name: str
    status: Literal["new", "updated", "deleted", "in_sync"] | None = None
    # The decision.
    choice: Literal["include", "ignore", "undecided"] | None = None
    # Only records with warnings.
    warned: bool = False
    search: str | None = None
    # As of the table: `name`, `name:desc`.
    sort: str | None = None


class OptionInfo(BaseModel):
    """One possible answer."""

    choice: str
    effect: str
    risk: str


class Orchestration(BaseModel):
    """Records of several entities, to promote in the order of their dependencies."""

    model_config = ConfigDict(extra="forbid")

    # The connection's name; required if there are several.
    connection: str | None = None
    entities: list[EntityIds]
    # Records per transaction; default: the connection's setting.
    batch_size: int | None = None
    # Pause between two batches; default: the connection's setting.
    batch_delay_ms: int | None = None
    # The reason, for the audit log.
    why: str | None = None


class OrganizationInfo(BaseModel):
    """An organization, and who wins where its stores say different things."""

    # Its partition key in Dagster.
    slug: str
    name: str
    currency: str | None
    # Of its connections.
    providers: list[str]
    # source_wins, core_wins or halt.
    sku_policy: str
    # Whose values a row of several stores has, first the strongest.
    provider_priority: list[str]


class Plan(BaseModel):
    """A plan: its counts, and the hash that an approval is bound to. The hash covers every item.

    It is approved while it has an approval that can be spent; when that expires it is proposed again."""

    plan_id: UUID
    hash: str
    creates: int
    updates: int
    deletes: int
    state: Literal["proposed", "approved", "applied", "refused", "undone"]
    origin: str
    created_by: str
    created_at: datetime | None
    approved_by: str | None
    approved_at: datetime | None
    applied_at: datetime | None
    queue: UUID | None
    # Until then its approval can be spent.
    approved_until: datetime | None = None
    # An agent made it, or it holds what one proposed.
    agent: bool = False
    # What the agent's program calls itself.
    client: str | None = None
    # What it is for, in its maker's words.
    why: str | None = None


class PlanItem(BaseModel):
    """What a plan does to one record. `changes` are {field, before, after} of an update; a side that does not have
    the field has no key."""

    connection: str
    entity: str
    external_id: str
    action: Literal["create", "update", "delete"]
    name: str | None
    # SKU, order number … as the store has it.
    code: str | None
    # The version that is promoted.
    version: str
    # {field, before, after} of an update; a side without the field has no key. `through` names the followed record
    # where the value is copied from one that changed. Lists, objects and long texts have `paths`: what differs in
    # them, as {path, before, after}; `more` counts those beyond 50.
    changes: list[dict[str, Any]]
    warnings: list[dict[str, Any]]
    # What an update changes in core, child rows too: {field, before, after} from what the promoted version became to
    # what the planned one becomes. `field` is a column, or the table of rows that belong to the row:
    # sales_order_items, product_categories; with `sharing` of that row, `products[id=5].price`.
    core: list[dict[str, Any]] = Field(default_factory=list)
    # Where its core row is that of other records too: `core` is then what becomes of that row.
    sharing: Sharing | None = None


class PolicyVerdict(BaseModel):
    """Which policy lets a plan through, or (None) the limits that stop it, in words."""

    policy_id: int | None
    words: str


class PreviewResult(BaseModel):
    """The result of `POST …/sync/preview`: the request for a fetch, or the selection."""

    request: RequestInfo | None = None
    # The current counts, if the call waited for the fetch.
    preview: list[EntityPreview] | None = None
    # The selection's id.
    batch_id: int | None = None
    # How many records the selection decided.
    records: int | None = None
    # Not decided: they are not what was seen.
    moved: list[ChangedSince] = Field(default_factory=list)
    # `moved` lists up to 1,000 of them.
    moved_count: int = 0
    # Not decided: someone else did since, and was not to be replaced.
    replaced_by_others: list[DecidedByOther] = Field(default_factory=list)
    # `replaced_by_others` lists up to 1,000 of them.
    replaced_by_others_count: int = 0


class ProposedAnswer(BaseModel):
    """How somebody would answer a gate. It is past if the gate was answered otherwise."""

    proposal_id: int
    decision_id: int
    # One of the decision's options.
    choice: str
    # In the words of whoever proposes it.
    why: str | None
    proposed_by: str
    # What the agent's program calls itself.
    client: str | None
    proposed_at: datetime
    state: Literal["open", "accepted", "withdrawn", "past"]
    accepted_by: str | None
    accepted_at: datetime | None


class Proposer(BaseModel):
    """Who included records of a plan, or as an agent proposed them; how many, and why in up to three of their
    words."""

    name: str
    # An agent: it proposed them. A person, a program or a rule included them.
    agent: bool
    # What the agent's program calls itself.
    client: str | None
    records: int
    # Why, in their words: up to three.
    reasons: list[str]


class ProviderInfo(BaseModel):
    """A provider, the settings of its connections, and its entities."""

    name: str
    title: str
    settings: list[SettingInfo]
    entities: list[str]


class PushCounts(BaseModel):
    """The result of a batch."""

    # Valid records: the sum of the following counts, without the skipped.
    syncedCount: int  # noqa: N815
    # Invalid records; `GET /api/sync/logs/{log_id}` says why, for each.
    skippedCount: int  # noqa: N815
    # The id of the batch's sync log.
    syncLogId: int  # noqa: N815
    # Valid records that were not known before.
    newCount: int  # noqa: N815
    # Valid records that changed what is stored.
    changedCount: int  # noqa: N815
    # Valid records that are stored like that already.
    unchangedCount: int  # noqa: N815
    # Valid records that changed nothing, because what is stored is newer.
    olderCount: int  # noqa: N815
    # Valid records that changed nothing, because they are deleted in the store.
    deletedCount: int  # noqa: N815
    # Valid records over which a later one of the batch, with the same id, was laid: that one counts.
    supersededCount: int = 0  # noqa: N815
    # Valid records that the database cannot hold; `GET …/quarantine` lists them.
    quarantinedCount: int = 0  # noqa: N815
    # What became of each record, in the order of the batch. `superseded`: a later one of the batch has the same id
    # and was laid over it. `quarantined`: the database cannot hold it.
    outcomes: list[Literal["new", "changed", "unchanged", "older", "deleted", "superseded", "quarantined", "skipped"]]


class QuarantineDetail(BaseModel):
    """One of them, with the store's answer; also after it was captured."""

    quarantine_id: int
    entity: str
    external_id: str
    reason: str
    # What a person can do.
    remedy: str
    # The HTTP status of the store's answer.
    status: int | None
    # What the store was asked.
    request: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    # How often it was tried.
    seen: int
    # The size of what is kept of the store's answer.
    raw_bytes: int
    resolved_at: datetime | None
    # True: an earlier content of the record is captured.
    captured: bool
    # The store's answer as text: the first 200,000 bytes; what is not UTF-8 as \xNN.
    raw: str


class QuarantinePage(BaseModel):
    """Those in quarantine, in the order in which they came there."""

    data: list[QuarantineRow]
    # How many there are in all pages.
    rowCount: int  # noqa: N815
    # Send it as `after` to get the next ones; None: there are no more.
    next: int | None


class QuarantineRow(BaseModel):
    """A record or page in quarantine."""

    quarantine_id: int
    entity: str
    external_id: str
    reason: str
    # What a person can do.
    remedy: str
    # The HTTP status of the store's answer.
    status: int | None
    # What the store was asked.
    request: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    # How often it was tried.
    seen: int
    # The size of what is kept of the store's answer.
    raw_bytes: int


class QueueAction(BaseModel):
    """An action on a queue. `start` creates one: of `plan_id`, of `ids`, or of what is already included."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["start", "status", "retry", "cancel", "force-done"]
    # Required for every action except start.
    queue_id: UUID | None = None
    # start: promote this plan.
    plan_id: UUID | None = None
    # start: include and promote these records.
    ids: list[str] | None = None
    # The connection's name; required if there are several.
    connection: str | None = None
    # Records per transaction; default: the connection's setting.
    batch_size: int | None = None
    # Pause between two batches; default: the connection's setting.
    batch_delay_ms: int | None = None
    # The reason, for the audit log.
    why: str | None = None


class QueueAnswer(BaseModel):
    """The queue: a new one, or the open one that has the records already. If it is None, `message` says why."""

    queue: QueueStatus | None
    plan_id: UUID | None = None
    # The request whose run processes the queue.
    request_id: int | None = None
    message: str | None = None
    # What agents proposed and the queue leaves out.
    left_out: str | None = None


class QueueEvent(BaseModel):
    """The progress of a queue, sent whenever it changes."""

    queueId: UUID  # noqa: N815
    state: str
    totalCount: int  # noqa: N815
    # Lines that are done.
    processedCount: int  # noqa: N815
    failedCount: int  # noqa: N815
    cancelledCount: int  # noqa: N815
    itemsPerMin: float  # noqa: N815
    etaSeconds: float | None  # noqa: N815
    completionPercent: float  # noqa: N815


class QueueLines(BaseModel):
    """Lines of a queue, in order."""

    data: list[Line]
    # Send it as `after` to get the next lines; None: there are no more.
    next: int | None


class QueueStatus(BaseModel):
    """The progress of a queue. The database keeps the counts, whichever process works on it."""

    queue_id: UUID
    plan_id: UUID
    state: Literal["draft", "processing", "partial", "done", "failed", "cancelled"]
    total: int
    done: int
    failed: int
    cancelled: int
    # Lines that are neither done, failed nor cancelled.
    open: int
    # Failed lines that a person must look at.
    action_required: int
    # Share of lines that are done, failed or cancelled.
    percent: float
    items_per_minute: float
    # None while it is unknown.
    eta_seconds: float | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    undone_at: datetime | None


class ReadPlan(BaseModel):
    """A plan, who included or proposed its records, which are not promoted as things are, and what they lack."""

    plan_id: UUID
    hash: str
    creates: int
    updates: int
    deletes: int
    state: Literal["proposed", "approved", "applied", "refused", "undone"]
    origin: str
    created_by: str
    created_at: datetime | None
    approved_by: str | None
    approved_at: datetime | None
    applied_at: datetime | None
    queue: UUID | None
    # Until then its approval can be spent.
    approved_until: datetime | None = None
    # An agent made it, or it holds what one proposed.
    agent: bool = False
    # What the agent's program calls itself.
    client: str | None = None
    # What it is for, in its maker's words.
    why: str | None = None
    # Who included or proposed its records.
    proposers: list[Proposer] = Field(default_factory=list)
    # Decisions that keep records of it out of core. Deletions are not held.
    held_back: list[HeldBack] = Field(default_factory=list)
    # Parts of its records, as order lines are of orders, that differ from core and are not in it.
    missing_parts: list[MissingParts] = Field(default_factory=list)


class Ready(BaseModel):
    """The state of what the process needs. It is not ready without the database; without Dagster, requests wait."""

    status: Literal["ok", "degraded", "unavailable"]
    database: Literal["ok", "unavailable"]
    # silent: no sensor has run lately; unknown: none ever has.
    dagster: Literal["ok", "silent", "unknown"]
    # How many connections are healthy, failing, unknown.
    connections: dict[str, int]
    # What waits for Dagster: requests, and entities with webhook deliveries. `GET /api/v1/status` counts those, too,
    # that wait because their store did not answer.
    waiting: dict[str, int]


class Reason(BaseModel):
    """The reason for a refusal or an undo."""

    model_config = ConfigDict(extra="forbid")

    # The reason, for the audit log.
    why: str | None = None


class RecordInfo(BaseModel):
    """One record in full."""

    external_id: str
    version: str
    status: Literal["new", "updated", "deleted", "in_sync"]
    display: dict[str, str]
    raw: Any
    # Field → before (in core) and after (captured). A side without the field has no key. Where a record changed that
    # core copies from, the column → before, after and `through`: location 8. Lists, objects and long texts have
    # `paths`: what differs in them, as {path, before, after}; `more` counts those beyond 50.
    changes: dict[str, Any]
    warnings: list[Any]
    versions: list[Version]
    # Its core row: table, id, promoted_at.
    mapping: dict[str, Any] | None
    # decision (include or ignore), draft (it waits for a plan that is approved), by, at, why.
    decision: dict[str, Any] | None
    withdrawn: Withdrawn | None
    # The store deleted it. Without it: it is there.
    deleted: Deleted | None


class RequestInfo(BaseModel):
    """A request to Dagster. It is kept until it is done, even while Dagster is down."""

    request_id: int
    kind: str
    state: Literal["waiting", "launched", "done", "failed"]
    # The Dagster run, once there is one.
    run_id: str | None
    parameters: Any
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    error: str | None


class RequestProgress(BaseModel):
    """A request, and how far its work is."""

    request_id: int
    kind: str
    state: Literal["waiting", "launched", "done", "failed"]
    # The Dagster run, once there is one.
    run_id: str | None
    parameters: Any
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    error: str | None
    # What is at work for it: the request, and each entity that its run pulls. Empty once it ended.
    progress: list[WorkInfo]


class Revoked(BaseModel):
    """A revoked token."""

    token_id: int
    revoked: Literal[True] = True


class Row(BaseModel):
    """A record: its names, how it differs from core, and its payload."""

    external_id: str
    # What a selection gives back as `seen`.
    version: str
    status: Literal["new", "updated", "deleted", "in_sync"]
    # Those of name, sku, email, order_number … that the record has.
    display: dict[str, str]
    # The payload as captured; numbers keep all their digits. null if it was not asked for.
    raw: Any
    warnings: list[Any]
    # The payload's fields that changed; or core's columns, where a record changed that it copies from.
    changed_fields: list[str]
    # The decision about the captured version.
    decision: Literal["include", "ignore"] | None
    # The decision is a draft, an agent's or a person's: it waits for a plan that is approved.
    draft: bool = False
    # Why a record that was included is undecided again.
    withdrawn: Withdrawn | None


class RuleInfo(BaseModel):
    """A standing rule."""

    rule_id: int
    entity: str
    kind: str
    field: str | None
    value: Any
    created_by: str
    created_at: datetime
    why: str | None


class SavedView(BaseModel):
    """A named view: its filters, its search and its order."""

    view_id: int
    name: str
    status: str | None
    choice: str | None
    warned: bool
    search: str | None
    sort: str | None
    made_by: str
    made_at: datetime


class Selection(BaseModel):
    """A decision about records: those in `ids`, or those that match a `filter` (or its fields here).

    `seen`, or `as_of` for a filter, says what the caller was shown. With `ids`, `seen` has the version of each
    of them and of no other record; `as_of` is not later than now. What has changed since is not decided and is
    listed in `moved`; what someone else decided since stands and is listed in `replaced_by_others`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    # All records with this status.
    status: Literal["new", "updated", "deleted", "in_sync"] | None = None
    # All records with this decision.
    selection: Literal["include", "ignore", "undecided"] | None = None
    # All records that this search finds.
    search: str | None = None
    # All records of the entity that differ from core.
    all: bool = False
    # Except these ids.
    except_: list[str] = Field(default_factory=list, alias="except")
    # undecided: take a decision back.
    decision: Literal["include", "ignore", "undecided"]
    # These records.
    ids: list[str] | None = None
    # All records that match.
    filter: Filter | None = None
    # External id → `version`, as the table showed it.
    seen: dict[str, str] | None = None
    # The list's `as_of`, for a filter.
    as_of: datetime | None = None
    # The list's `rowCount`. Where it differs now the answer is 409, and nothing is decided.
    expected: int | None = None
    # Decide also what somebody else has decided since.
    replace: bool = False
    # The reason, for the audit log.
    why: str | None = None
    # A draft is promoted only by a plan that someone approves.
    draft: bool = False


class SettingInfo(BaseModel):
    """One setting of a connection."""

    name: str
    title: str
    description: str
    required: bool
    secret: bool
    default: Any


class SettingsChange(BaseModel):
    """Settings to change, none of them secret. To change the address, use rotate."""

    model_config = ConfigDict(extra="forbid")

    settings: dict[str, Any]


class Sharing(BaseModel):
    """A core row that is not one record's alone: the plan's outcome was tried, and taken back."""

    # The row, products[id=5]; null: the plan makes it.
    row: str | None
    # The first other records that it is of afterwards: {connection, entity, external_id}.
    others: list[dict[str, Any]]
    # False: `core` is not known, for core was being written, or hundreds are of these rows.
    tried: bool = True
    # Others that are not named.
    more: int = 0


class Signoff(BaseModel):
    """A sign-off. It is outdated once a later validation finds something red or waiting that it did not accept."""

    signoff_id: int
    validation_id: int
    # Of the manifest that was signed.
    hash: str
    milestone: str
    note: str
    # Rows that were red or waited, each with the reason.
    accepted: list[AcceptedRow]
    signed_by: str
    via: Literal["explorer", "api", "command"]
    signed_at: datetime
    state: Literal["valid", "outdated"]
    outdated_at: datetime | None
    # The validation that outdated it.
    outdated_by: int | None


class SkippedRecord(BaseModel):
    """A record of a push that was not stored, and why."""

    # Its place in the batch, from 0.
    place: int
    # Its id, if that is a number.
    id: str | None
    reason: str


class StatusInfo(BaseModel):
    """The status of the organization."""

    org: str
    connections: list[ConnectionStatus]


class SyncLog(BaseModel):
    """A row of `capture.sync_logs`."""

    log_id: int
    connection: str
    entity: str
    kind: Literal["pull", "push", "webhook"]
    status: Literal["running", "success", "failed"]
    records_synced: int
    skipped: int
    error_message: str | None
    started_at: datetime
    finished_at: datetime | None


class SyncLogDetail(BaseModel):
    """A log with the records that it skipped. That of a push says what became of each record, that of a run of
    webhook deliveries what became of each delivery."""

    log_id: int
    connection: str
    entity: str
    kind: Literal["pull", "push", "webhook"]
    status: Literal["running", "success", "failed"]
    records_synced: int
    skipped: int
    error_message: str | None
    started_at: datetime
    finished_at: datetime | None
    skipped_records: list[SkippedRecord]
    # Valid records of a push that changed nothing, and why.
    ignored_records: list[IgnoredRecord] = Field(default_factory=list)
    # What became of each record of a push, in the order of the batch.
    outcomes: list[str] = Field(default_factory=list)
    # What became of each webhook delivery; up to 1,000 of a run.
    deliveries: list[LoggedDelivery] = Field(default_factory=list)


class TablePage(BaseModel):
    """A page of records."""

    data: list[Row]
    # How many records match, in all pages.
    rowCount: int  # noqa: N815
    page: int
    pageSize: int  # noqa: N815
    # When the list was made: a selection by filter gives it back.
    as_of: datetime
    # True: a search among very many records, of which the first 1,000 finds are here.
    capped: bool | None = None
    # Where there is nothing yet: what a person should know.
    message: str | None = None


class Tested(BaseModel):
    """A connection and the doctor's findings."""

    connection: ConnectionInfo
    ok: bool
    findings: list[Finding]


class TokenRow(BaseModel):
    """A token, without its text."""

    token_id: int
    role: Literal["viewer", "operator", "admin", "plugin", "agent"]
    name: str | None
    connection: str | None
    # The user of a session.
    user: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    # An agent reads personal data with it.
    unmasked: bool = False


class UndoReport(BaseModel):
    """The result of undoing a promotion."""

    plan_id: UUID
    queue_id: UUID
    # Core rows restored to their state before the promotion.
    rows: int
    # Rows merged again because another record also maps to them.
    merged: int
    seconds: float


class User(BaseModel):
    """A user of an organization."""

    user_id: int
    email: str
    role: Literal["viewer", "operator", "admin"]
    created_at: datetime
    disabled_at: datetime | None


class UserChange(BaseModel):
    """Changes to a user. A new password, or disabling the user, ends all sessions."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["viewer", "operator", "admin"] | None = None
    password: str | None = None
    disabled: bool | None = None


class Validation(BaseModel):
    """A validation that is kept. It is ok if no row failed and every one that applies was run; some may wait."""

    validation_id: int
    started_at: datetime
    seconds: float
    ok: bool
    # Rows by verdict.
    counts: dict[str, int]
    # SHA-256 of its manifest: a sign-off is bound to it.
    hash: str
    snapshot: str
    revision: str | None
    # The version of the documents: a SHA-256.
    documents: str
    requested_by: str


class ValidationInfo(BaseModel):
    """A validation and a page of its rows, red ones first."""

    validation: Validation
    rows: list[MatrixRow]
    # How many rows there are in all pages.
    rowCount: int  # noqa: N815
    # Counts from 1.
    page: int
    pageSize: int  # noqa: N815


class Version(BaseModel):
    """A version of the record: a content that came back is one each time."""

    version_no: int
    captured_at: datetime
    run_id: int | None
    is_current: bool
    # SHA-256 of the content.
    version: str


class WebhookInfo(BaseModel):
    """Where the store must send its webhooks."""

    connection: str
    path: str
    secret_set: bool


class Window(BaseModel):
    """Every day from … to …, over midnight if `opens` is later."""

    model_config = ConfigDict(extra="forbid")

    opens: str
    closes: str
    zone: str


class Withdrawn(BaseModel):
    """The plan that included this version was refused or undone."""

    cause: Literal["refused", "undone"]
    by: str
    at: datetime
    why: str | None


class WorkInfo(BaseModel):
    """One piece of work on a connection. A pull counts records, a request entities."""

    # Names it as long as it lasts.
    key: str
    kind: Literal["pull", "request"]
    # stopped: its process was killed. What it committed is safe, and the next refresh continues there.
    state: Literal["waiting", "running", "stopped"]
    title: str
    entity: str | None
    done: int
    # null while the store has not said how many there are.
    total: int | None
    per_minute: float
    eta_seconds: float | None
    # The Dagster run.
    run_id: str | None
    # What it waits for, in words.
    note: str | None
