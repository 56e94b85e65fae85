"""Every call of the service as a method.

Written by `make client` from the OpenAPI document; do not edit.
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from sync_pipeline_client import models
from sync_pipeline_client.transport import Page, Transport, part


class Calls(Transport):
    """The calls. What a call needs and answers is in the API's documents under its path."""

    def activity(self, *, page: int = 1, page_size: int = 50) -> models.ActivityPage:
        """List the audit log, newest first: who did what.

        GET /api/v1/integrations/sync/activity
        """
        return self._answer(
            models.ActivityPage,
            "GET",
            "/api/v1/integrations/sync/activity",
            query={"page": page, "pageSize": page_size},
        )

    def schema_compat(self) -> models.CompatInfo:
        """Compare the legacy views with their core tables.

        GET /api/v1/integrations/schema-compat
        """
        return self._data(models.CompatInfo, "GET", "/api/v1/integrations/schema-compat")

    def run_checks(self) -> models.ChecksInfo:
        """Run the business checks: the ledger closes, money adds up, every mapping has a row, nothing waits forever.

        GET /api/v1/checks
        """
        return self._data(models.ChecksInfo, "GET", "/api/v1/checks")

    def status(self) -> models.StatusInfo:
        """Show the status of every connection and entity: captured, differences, decisions, promoted, ledger.

        GET /api/v1/status
        """
        return self._data(models.StatusInfo, "GET", "/api/v1/status")

    def list_quarantine(
        self, connection: str, *, entity: str | None = None, after: int = 0, limit: int = 100
    ) -> models.QuarantinePage:
        """List what could not be captured, with the reason and what a person can do about it.

        GET /api/v1/connections/{connection}/quarantine
        """
        return self._answer(
            models.QuarantinePage,
            "GET",
            f"/api/v1/connections/{part(connection)}/quarantine",
            query={"entity": entity, "after": after, "limit": limit},
        )

    def show_quarantined(self, connection: str, quarantine_id: int) -> models.QuarantineDetail:
        """Show one thing in quarantine, with the store's answer.

        GET /api/v1/connections/{connection}/quarantine/{quarantine_id}
        """
        return self._data(
            models.QuarantineDetail, "GET", f"/api/v1/connections/{part(connection)}/quarantine/{part(quarantine_id)}"
        )

    def count_records(
        self, connection: str, *, entity: str | None = None, search: str | None = None
    ) -> list[models.EntityCounts]:
        """Count the records of each entity by status and decision.

        GET /api/v1/connections/{connection}/counts
        """
        return self._data(
            list[models.EntityCounts],
            "GET",
            f"/api/v1/connections/{part(connection)}/counts",
            query={"entity": entity, "search": search},
        )

    def table(
        self,
        provider: str,
        *,
        entity: str,
        connection: str | None = None,
        page: int = 1,
        page_size: int = 50,
        search: str | None = None,
        status: Literal["new", "updated", "deleted", "in_sync"] | None = None,
        selection: str | None = None,
        sort: str | None = None,
        ids: str | None = None,
        payload: bool = True,
    ) -> models.TablePage:
        """List captured records with their status, searched, filtered and paged; or those with some ids.

        GET /api/v1/integrations/{provider}/table
        """
        return self._answer(
            models.TablePage,
            "GET",
            f"/api/v1/integrations/{part(provider)}/table",
            query={
                "entity": entity,
                "connection": connection,
                "page": page,
                "pageSize": page_size,
                "search": search,
                "status": status,
                "selection": selection,
                "sort": sort,
                "ids": ids,
                "payload": payload,
            },
        )

    def record(
        self, provider: str, entity: str, external_id: str, *, connection: str | None = None
    ) -> models.RecordInfo:
        """Show one record in full: fields before and after, versions, mapping, decision.

        GET /api/v1/integrations/{provider}/records/{entity}/{external_id}
        """
        return self._data(
            models.RecordInfo,
            "GET",
            f"/api/v1/integrations/{part(provider)}/records/{part(entity)}/{part(external_id)}",
            query={"connection": connection},
        )

    def save_view(self, connection: str, given: models.NewView) -> models.SavedView:
        """Save a view of an entity's list under a name. Everybody in the organization finds it; at most 50 an entity.

        POST /api/v1/connections/{connection}/views
        """
        return self._data(models.SavedView, "POST", f"/api/v1/connections/{part(connection)}/views", body=given)

    def list_views(self, connection: str, *, entity: str, page: int = 1, page_size: int = 50) -> Page[models.SavedView]:
        """List the saved views of an entity, by name.

        GET /api/v1/connections/{connection}/views
        """
        return self._answer(
            Page[models.SavedView],
            "GET",
            f"/api/v1/connections/{part(connection)}/views",
            query={"entity": entity, "page": page, "pageSize": page_size},
        )

    def delete_view(self, connection: str, view_id: int) -> models.DeletedView:
        """Delete a view that you made. An admin deletes any.

        DELETE /api/v1/connections/{connection}/views/{view_id}
        """
        return self._data(models.DeletedView, "DELETE", f"/api/v1/connections/{part(connection)}/views/{part(view_id)}")

    def preview_or_select(
        self,
        given: models.Selection | None = None,
        *,
        action: Literal["fetch", "select"],
        entity_type: str,
        sync_type: str | None = None,
        connection: str | None = None,
        wait: float = 0,
        idempotency_key: str | None = None,
    ) -> models.PreviewResult:
        """`fetch` captures records, up to a limit of pages, and compares them with core, through a durable request.
        `select` includes or ignores records, or takes a decision back (`undecided`); the decision is bound to the
        version that was seen (`seen`, `as_of`). An agent's selection is always a draft, and it takes back its own
        drafts only.

        POST /api/v1/integrations/sync/preview
        """
        return self._data(
            models.PreviewResult,
            "POST",
            "/api/v1/integrations/sync/preview",
            query={
                "action": action,
                "entity_type": entity_type,
                "sync_type": sync_type,
                "connection": connection,
                "wait": wait,
            },
            headers={"Idempotency-Key": idempotency_key},
            body=given,
        )

    def add_rule(self, connection: str, given: models.NewRule) -> models.RuleInfo:
        """Add a standing rule. It decides from the next preview on.

        POST /api/v1/connections/{connection}/rules
        """
        return self._data(models.RuleInfo, "POST", f"/api/v1/connections/{part(connection)}/rules", body=given)

    def list_rules(self, connection: str, *, page: int = 1, page_size: int = 50) -> Page[models.RuleInfo]:
        """List the standing rules.

        GET /api/v1/connections/{connection}/rules
        """
        return self._answer(
            Page[models.RuleInfo],
            "GET",
            f"/api/v1/connections/{part(connection)}/rules",
            query={"page": page, "pageSize": page_size},
        )

    def drop_rule(self, connection: str, rule_id: int) -> models.DroppedRule:
        """End a standing rule. What it has decided stays.

        DELETE /api/v1/connections/{connection}/rules/{rule_id}
        """
        return self._data(models.DroppedRule, "DELETE", f"/api/v1/connections/{part(connection)}/rules/{part(rule_id)}")

    def make_plan(self, given: models.NewPlan | None = None) -> models.MadePlan:
        """Make a plan of everything that is included and not yet in core, including people's drafts. Nothing is
        promoted until someone applies the plan. What agents proposed is left out, and `left_out` says how much; a
        person can name their selections in `batches`. With `remap`, plan the records in core that an older mapper
        mapped, whatever is selected.

        POST /api/v1/plans
        """
        return self._data(models.MadePlan, "POST", "/api/v1/plans", body=given)

    def list_plans(
        self,
        *,
        state: Literal["proposed", "approved", "applied", "refused", "undone"] | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> Page[models.Plan]:
        """List the organization's plans, newest first.

        GET /api/v1/plans
        """
        return self._answer(
            Page[models.Plan], "GET", "/api/v1/plans", query={"state": state, "page": page, "pageSize": page_size}
        )

    def show_plan(self, plan_id: UUID) -> models.ReadPlan:
        """Show a plan: its state, counts and hash, and who included or proposed its records.

        GET /api/v1/plans/{plan_id}
        """
        return self._data(models.ReadPlan, "GET", f"/api/v1/plans/{part(plan_id)}")

    def show_plan_items(self, plan_id: UUID, *, page: int = 1, page_size: int = 50) -> Page[models.PlanItem]:
        """List what a plan does, record by record. Numbers keep all their digits.

        GET /api/v1/plans/{plan_id}/items
        """
        return self._answer(
            Page[models.PlanItem],
            "GET",
            f"/api/v1/plans/{part(plan_id)}/items",
            query={"page": page, "pageSize": page_size},
        )

    def approve_plan(self, plan_id: UUID, given: models.ApprovedHash) -> models.Plan:
        """Approve a plan. `hash` must be the plan's hash. The approval can be spent once, within 24 hours. What an
        agent proposed is approved by a person's session, never by a token without one.

        POST /api/v1/plans/{plan_id}/approve
        """
        return self._data(models.Plan, "POST", f"/api/v1/plans/{part(plan_id)}/approve", body=given)

    def refuse_plan(self, plan_id: UUID, given: models.Reason | None = None) -> models.Plan:
        """Refuse a plan. It can never be applied, and the records that it included are undecided again.

        POST /api/v1/plans/{plan_id}/refuse
        """
        return self._data(models.Plan, "POST", f"/api/v1/plans/{part(plan_id)}/refuse", body=given)

    def apply_plan(self, plan_id: UUID, given: models.Application | None = None) -> models.QueueAnswer:
        """Promote the plan's records; whoever may approve the plan approves it by applying it. A stale plan returns
        409 with the changed records, and a plan that waits for a person returns 409 too: nothing changes.

        The queue and the request for its run are written in one transaction; the run starts when Dagster is
        available. Applying a plan twice returns the same queue.

        POST /api/v1/plans/{plan_id}/apply
        """
        return self._data(models.QueueAnswer, "POST", f"/api/v1/plans/{part(plan_id)}/apply", body=given)

    def undo_plan(self, plan_id: UUID, given: models.Reason | None = None) -> models.UndoReport:
        """Undo a promotion in one transaction: restore its core rows to their state before it. Its records are
        undecided again.

        POST /api/v1/plans/{plan_id}/undo
        """
        return self._data(models.UndoReport, "POST", f"/api/v1/plans/{part(plan_id)}/undo", body=given)

    def push_log(self, log_id: int) -> models.SyncLogDetail:
        """Show what became of a batch, and why each record was skipped. A plugin sees the logs of its connection.

        GET /api/sync/logs/{log_id}
        """
        return self._data(models.SyncLogDetail, "GET", f"/api/sync/logs/{part(log_id)}")

    def list_sync_logs(
        self,
        *,
        connection: str | None = None,
        kind: Literal["pull", "push", "webhook"] | None = None,
        status: Literal["running", "success", "failed"] | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> Page[models.SyncLog]:
        """List the sync logs, newest first: one for each pull of an entity, push, and run of webhook deliveries.

        GET /api/v1/logs
        """
        return self._answer(
            Page[models.SyncLog],
            "GET",
            "/api/v1/logs",
            query={"connection": connection, "kind": kind, "status": status, "page": page, "pageSize": page_size},
        )

    def show_sync_log(self, log_id: int) -> models.SyncLogDetail:
        """Show one sync log, with the records that it skipped.

        GET /api/v1/logs/{log_id}
        """
        return self._data(models.SyncLogDetail, "GET", f"/api/v1/logs/{part(log_id)}")

    def push_products(self, products: list[dict[str, Any]]) -> models.PushCounts:
        """Push products in one transaction; known records are updated with the given fields. WooCommerce: A product
        needs its id and its name.

        POST /api/sync/products
        """
        return self._data(models.PushCounts, "POST", "/api/sync/products", body={"products": products})

    def push_customers(self, customers: list[dict[str, Any]]) -> models.PushCounts:
        """Push customers in one transaction; known records are updated with the given fields. WooCommerce: A customer
        needs its id. Addresses are stored as hashes, unless the connection's `pii_policy` is keep.

        POST /api/sync/customers
        """
        return self._data(models.PushCounts, "POST", "/api/sync/customers", body={"customers": customers})

    def push_categories(self, categories: list[dict[str, Any]]) -> models.PushCounts:
        """Push categories in one transaction; known records are updated with the given fields. WooCommerce: A category
        needs its id and its name; its parent may come later.

        POST /api/sync/categories
        """
        return self._data(models.PushCounts, "POST", "/api/sync/categories", body={"categories": categories})

    def push_orders(self, orders: list[dict[str, Any]]) -> models.PushCounts:
        """Push orders in one transaction; known records are updated with the given fields. WooCommerce: An order needs
        its id; its other fields are those of the store's REST API.

        POST /api/sync/orders
        """
        return self._data(models.PushCounts, "POST", "/api/sync/orders", body={"orders": orders})

    def requests(
        self,
        *,
        state: Literal["waiting", "launched", "done", "failed"] | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> Page[models.RequestInfo]:
        """List the requests to Dagster, newest first.

        GET /api/v1/requests
        """
        return self._answer(
            Page[models.RequestInfo],
            "GET",
            "/api/v1/requests",
            query={"state": state, "page": page, "pageSize": page_size},
        )

    def request(self, request_id: int, *, wait: float = 0) -> models.RequestProgress:
        """Show a request: waiting, launched (with the Dagster run and its progress), done, or failed (with the
        reason).

        GET /api/v1/requests/{request_id}
        """
        return self._data(models.RequestProgress, "GET", f"/api/v1/requests/{part(request_id)}", query={"wait": wait})

    def full_sync(
        self,
        provider: str,
        entity: str,
        *,
        connection: str | None = None,
        wait: float = 0,
        idempotency_key: str | None = None,
    ) -> models.FullSync:
        """Read an entity of a store in full and compare it with core, in a Dagster run. Returns the request at once;
        to follow it, set `wait` or call `GET /api/v1/requests/{id}`.

        POST /api/v1/integrations/{provider}/sync/{entity}/full
        """
        return self._data(
            models.FullSync,
            "POST",
            f"/api/v1/integrations/{part(provider)}/sync/{part(entity)}/full",
            query={"connection": connection, "wait": wait},
            headers={"Idempotency-Key": idempotency_key},
        )

    def queue_action(
        self, provider: str, entity: str, given: models.QueueAction, *, idempotency_key: str | None = None
    ) -> models.QueueAnswer:
        """Control the queue of an entity. `start` tests the connection, creates the queue and returns at once; a
        Dagster run processes it. `retry` reopens the failed lines, `cancel` closes the open ones, `force-done`
        closes the queue as done.

        POST /api/v1/integrations/{provider}/sync/{entity}
        """
        return self._data(
            models.QueueAnswer,
            "POST",
            f"/api/v1/integrations/{part(provider)}/sync/{part(entity)}",
            headers={"Idempotency-Key": idempotency_key},
            body=given,
        )

    def orchestrate(self, given: models.Orchestration, *, idempotency_key: str | None = None) -> models.QueueAnswer:
        """Include these records of several entities and promote them: one plan and one queue, in the order of their
        dependencies (categories, customers, products, orders).

        POST /api/v1/integrations/sync/orchestrate
        """
        return self._data(
            models.QueueAnswer,
            "POST",
            "/api/v1/integrations/sync/orchestrate",
            headers={"Idempotency-Key": idempotency_key},
            body=given,
        )

    def materialize(
        self, given: models.Materialization | None = None, *, idempotency_key: str | None = None
    ) -> models.QueueAnswer:
        """Promote the selected records of these entities, or of all, in one queue in the order of dependencies. What
        an open queue has already is left to it: if that is all, the answer is that queue.

        POST /api/v1/integrations/sync/materialize
        """
        return self._data(
            models.QueueAnswer,
            "POST",
            "/api/v1/integrations/sync/materialize",
            headers={"Idempotency-Key": idempotency_key},
            body=given,
        )

    def list_queues(
        self,
        *,
        state: Literal["draft", "processing", "partial", "done", "failed", "cancelled"] | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> Page[models.QueueStatus]:
        """List the queues with their progress, newest first.

        GET /api/v1/integrations/sync/queues
        """
        return self._answer(
            Page[models.QueueStatus],
            "GET",
            "/api/v1/integrations/sync/queues",
            query={"state": state, "page": page, "pageSize": page_size},
        )

    def queue(self, queue_id: UUID) -> models.QueueStatus:
        """Show the progress of a queue. A token of one connection sees queues of that connection's records only.

        GET /api/v1/integrations/sync/queue/{queue_id}
        """
        return self._data(models.QueueStatus, "GET", f"/api/v1/integrations/sync/queue/{part(queue_id)}")

    def queue_lines(
        self,
        queue_id: UUID,
        *,
        state: Literal["draft", "processing", "done", "failed", "cancelled"] | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> models.QueueLines:
        """List the queue's records in order, with reasons and warnings.

        GET /api/v1/integrations/sync/queue/{queue_id}/lines
        """
        return self._answer(
            models.QueueLines,
            "GET",
            f"/api/v1/integrations/sync/queue/{part(queue_id)}/lines",
            query={"state": state, "after": after, "limit": limit},
        )

    def decisions(self, *, all: bool = False, page: int = 1, page_size: int = 50) -> Page[models.DecisionInfo]:
        """List the gates that wait for a person.

        GET /api/v1/decisions
        """
        return self._answer(
            Page[models.DecisionInfo],
            "GET",
            "/api/v1/decisions",
            query={"all": all, "page": page, "pageSize": page_size},
        )

    def decision(self, decision_id: int) -> models.DecisionInfo:
        """Show one gate, with its answer and outcome.

        GET /api/v1/decisions/{decision_id}
        """
        return self._data(models.DecisionInfo, "GET", f"/api/v1/decisions/{part(decision_id)}")

    def list_proposals(self, decision_id: int, *, page: int = 1, page_size: int = 50) -> Page[models.ProposedAnswer]:
        """List the proposed answers of a gate, newest first.

        GET /api/v1/decisions/{decision_id}/proposals
        """
        return self._answer(
            Page[models.ProposedAnswer],
            "GET",
            f"/api/v1/decisions/{part(decision_id)}/proposals",
            query={"page": page, "pageSize": page_size},
        )

    def propose_answer(self, decision_id: int, given: models.NewProposedAnswer) -> models.ProposedAnswer:
        """Propose an answer to a gate. Nothing resumes by it.

        POST /api/v1/decisions/{decision_id}/proposals
        """
        return self._data(models.ProposedAnswer, "POST", f"/api/v1/decisions/{part(decision_id)}/proposals", body=given)

    def accept_answer(self, proposal_id: int) -> models.ProposedAnswer:
        """Answer the gate as proposed: a person's session does, a token without one does not.

        POST /api/v1/proposals/{proposal_id}/accept
        """
        return self._data(models.ProposedAnswer, "POST", f"/api/v1/proposals/{part(proposal_id)}/accept")

    def withdraw_answer(self, proposal_id: int) -> models.ProposedAnswer:
        """Take a proposed answer back; an agent only its own.

        DELETE /api/v1/proposals/{proposal_id}
        """
        return self._data(models.ProposedAnswer, "DELETE", f"/api/v1/proposals/{part(proposal_id)}")

    def answer(self, decision_id: int, given: models.GivenAnswer) -> models.DecisionInfo:
        """Answer a gate. The work it stopped resumes by itself.

        POST /api/v1/decisions/{decision_id}/answer
        """
        return self._data(models.DecisionInfo, "POST", f"/api/v1/decisions/{part(decision_id)}/answer", body=given)

    def set_webhook_secret(self, connection: str, given: models.GivenWebhookSecret) -> models.WebhookInfo:
        """Set the secret that signs a connection's webhooks; the answer says where the store must send them.

        POST /api/v1/connections/{connection}/webhook
        """
        return self._data(models.WebhookInfo, "POST", f"/api/v1/connections/{part(connection)}/webhook", body=given)

    def list_connections(self, *, page: int = 1, page_size: int = 50) -> Page[models.ConnectionInfo]:
        """List the organization's stores, without their secrets.

        GET /api/v1/connections
        """
        return self._answer(
            Page[models.ConnectionInfo], "GET", "/api/v1/connections", query={"page": page, "pageSize": page_size}
        )

    def add_connection(self, given: models.NewConnection) -> models.Tested:
        """Connect a store and test it. Its secrets are encrypted and never returned.

        POST /api/v1/connections
        """
        return self._data(models.Tested, "POST", "/api/v1/connections", body=given)

    def show_connection(self, connection: str) -> models.ConnectionInfo:
        """Show one store, without its secrets.

        GET /api/v1/connections/{connection}
        """
        return self._data(models.ConnectionInfo, "GET", f"/api/v1/connections/{part(connection)}")

    def change_connection(self, connection: str, given: models.SettingsChange) -> models.ConnectionInfo:
        """Change settings that are not secret.

        PATCH /api/v1/connections/{connection}
        """
        return self._data(models.ConnectionInfo, "PATCH", f"/api/v1/connections/{part(connection)}", body=given)

    def disconnect(self, connection: str, *, why: str | None = None) -> models.Disconnected:
        """Stop using a store. What was captured and promoted stays; its credentials are erased and its tokens revoked.
        The same store, connected again under the same name, goes on where it was.

        DELETE /api/v1/connections/{connection}
        """
        return self._data(models.Disconnected, "DELETE", f"/api/v1/connections/{part(connection)}", query={"why": why})

    def connection_progress(self, connection: str) -> list[models.WorkInfo]:
        """Show what is at work on one store now, whichever process does it: pulls with rate and ETA, and requests.

        GET /api/v1/connections/{connection}/progress
        """
        return self._data(list[models.WorkInfo], "GET", f"/api/v1/connections/{part(connection)}/progress")

    def test_connection(self, connection: str) -> models.Tested:
        """Test the connection; the findings name the cause of a failure.

        POST /api/v1/connections/{connection}/test
        """
        return self._data(models.Tested, "POST", f"/api/v1/connections/{part(connection)}/test")

    def rotate(self, connection: str, given: models.Credentials) -> models.Tested:
        """Replace the store's credentials, and its address if given, and test it.

        POST /api/v1/connections/{connection}/rotate
        """
        return self._data(models.Tested, "POST", f"/api/v1/connections/{part(connection)}/rotate", body=given)

    def list_providers(self, *, page: int = 1, page_size: int = 50) -> Page[models.ProviderInfo]:
        """List the providers and the settings of their connections.

        GET /api/v1/providers
        """
        return self._answer(
            Page[models.ProviderInfo], "GET", "/api/v1/providers", query={"page": page, "pageSize": page_size}
        )

    def who_am_i(self) -> models.Me:
        """Show the caller: organization, role and rights.

        GET /api/v1/session
        """
        return self._data(models.Me, "GET", "/api/v1/session")

    def log_in(self, given: models.Login) -> models.LoginSession:
        """Log in with a password. The token is valid for 12 hours and has the user's role.

        POST /api/v1/session
        """
        return self._data(models.LoginSession, "POST", "/api/v1/session", body=given)

    def log_out(self) -> models.Revoked:
        """Revoke the session or token of this call.

        DELETE /api/v1/session
        """
        return self._data(models.Revoked, "DELETE", "/api/v1/session")

    def list_organizations(self, *, page: int = 1, page_size: int = 50) -> Page[models.OrganizationInfo]:
        """List the organizations that the token may see: its own.

        GET /api/v1/organizations
        """
        return self._answer(
            Page[models.OrganizationInfo], "GET", "/api/v1/organizations", query={"page": page, "pageSize": page_size}
        )

    def list_tokens(self, *, page: int = 1, page_size: int = 50) -> Page[models.TokenRow]:
        """List tokens and sessions, newest first, without their text.

        GET /api/v1/tokens
        """
        return self._answer(Page[models.TokenRow], "GET", "/api/v1/tokens", query={"page": page, "pageSize": page_size})

    def make_token(self, given: models.NewToken) -> models.MadeToken:
        """Create a token. It is shown once.

        POST /api/v1/tokens
        """
        return self._data(models.MadeToken, "POST", "/api/v1/tokens", body=given)

    def revoke_token(self, token_id: int) -> models.Revoked:
        """Revoke a token.

        DELETE /api/v1/tokens/{token_id}
        """
        return self._data(models.Revoked, "DELETE", f"/api/v1/tokens/{part(token_id)}")

    def list_users(self, *, page: int = 1, page_size: int = 50) -> Page[models.User]:
        """List the organization's users.

        GET /api/v1/users
        """
        return self._answer(Page[models.User], "GET", "/api/v1/users", query={"page": page, "pageSize": page_size})

    def add_user(self, given: models.NewUser) -> models.User:
        """Add a user.

        POST /api/v1/users
        """
        return self._data(models.User, "POST", "/api/v1/users", body=given)

    def change_user(self, user_id: int, given: models.UserChange) -> models.User:
        """Change a user's role or password, or disable or enable the user.

        PATCH /api/v1/users/{user_id}
        """
        return self._data(models.User, "PATCH", f"/api/v1/users/{part(user_id)}", body=given)

    def list_approvals(
        self,
        *,
        subject: Literal["plan", "answer", "migration"] | None = None,
        plan_id: UUID | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> Page[models.Approval]:
        """List approvals, newest first: who granted them and how, until when, and who spent them.

        GET /api/v1/approvals
        """
        return self._answer(
            Page[models.Approval],
            "GET",
            "/api/v1/approvals",
            query={"subject": subject, "plan_id": plan_id, "page": page, "pageSize": page_size},
        )

    def grant_approval(self, given: models.NewApproval) -> models.Plan:
        """Approve a plan, as `POST /plans/{plan_id}/approve` does. The approval can be spent once, within 24 hours.

        POST /api/v1/approvals
        """
        return self._data(models.Plan, "POST", "/api/v1/approvals", body=given)

    def withdraw_approval(self, approval_id: int) -> models.Approval:
        """Withdraw an approval that was not spent: the plan waits again.

        DELETE /api/v1/approvals/{approval_id}
        """
        return self._data(models.Approval, "DELETE", f"/api/v1/approvals/{part(approval_id)}")

    def show_verdict(self, plan_id: UUID) -> models.PolicyVerdict:
        """Say which policy would let a plan through now, or which limit stops it. Nothing is approved by asking.

        GET /api/v1/plans/{plan_id}/verdict
        """
        return self._data(models.PolicyVerdict, "GET", f"/api/v1/plans/{part(plan_id)}/verdict")

    def list_policies(self, *, page: int = 1, page_size: int = 50) -> Page[models.ApprovalPolicy]:
        """List the policies by which plans of agents need no approval of their own, newest first.

        GET /api/v1/policies
        """
        return self._answer(
            Page[models.ApprovalPolicy], "GET", "/api/v1/policies", query={"page": page, "pageSize": page_size}
        )

    def add_policy(self, given: models.NewPolicy) -> models.ApprovalPolicy:
        """Grant a policy: a person's session does, a token without one does not.

        POST /api/v1/policies
        """
        return self._data(models.ApprovalPolicy, "POST", "/api/v1/policies", body=given)

    def resume_policy(self, policy_id: int) -> models.ApprovalPolicy:
        """Let a policy go on that has paused itself because a plan of it was undone or failed.

        POST /api/v1/policies/{policy_id}/resume
        """
        return self._data(models.ApprovalPolicy, "POST", f"/api/v1/policies/{part(policy_id)}/resume")

    def revoke_policy(self, policy_id: int) -> models.ApprovalPolicy:
        """Revoke a policy. What it let through stays.

        DELETE /api/v1/policies/{policy_id}
        """
        return self._data(models.ApprovalPolicy, "DELETE", f"/api/v1/policies/{part(policy_id)}")

    def request_validation(self, *, wait: float = 0, idempotency_key: str | None = None) -> models.RequestInfo:
        """Ask for a validation, in a Dagster run: every check at every place, and the stores' lists. Returns the
        request at once; to follow it, set `wait` or call `GET /api/v1/requests/{id}`.

        POST /api/v1/validations
        """
        return self._data(
            models.RequestInfo,
            "POST",
            "/api/v1/validations",
            query={"wait": wait},
            headers={"Idempotency-Key": idempotency_key},
        )

    def list_validations(self, *, page: int = 1, page_size: int = 50) -> Page[models.Validation]:
        """List the validations, newest first, with their counts and hashes.

        GET /api/v1/validations
        """
        return self._answer(
            Page[models.Validation], "GET", "/api/v1/validations", query={"page": page, "pageSize": page_size}
        )

    def show_validation(
        self,
        validation_id: int,
        *,
        verdict: list[Literal["pass", "waiting", "fail", "not_run", "not_applicable"]] | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> models.ValidationInfo:
        """Show the matrix of a validation: check by connection and entity, red rows first, each with its evidence.

        GET /api/v1/validations/{validation_id}
        """
        return self._data(
            models.ValidationInfo,
            "GET",
            f"/api/v1/validations/{part(validation_id)}",
            query={"verdict": verdict, "page": page, "pageSize": page_size},
        )

    def show_statements(self, validation_id: int) -> dict[str, str]:
        """Show the statements that found a validation's rows, by their SHA-256.

        GET /api/v1/validations/{validation_id}/statements
        """
        return self._data(dict[str, str], "GET", f"/api/v1/validations/{part(validation_id)}/statements")

    def list_signoffs(self, *, page: int = 1, page_size: int = 50) -> Page[models.Signoff]:
        """List the sign-offs, newest first: who signed which matrix for what, and whether a later one outdated it.

        GET /api/v1/signoffs
        """
        return self._answer(
            Page[models.Signoff], "GET", "/api/v1/signoffs", query={"page": page, "pageSize": page_size}
        )

    def sign_off(self, given: models.NewSignoff) -> models.Signoff:
        """Sign the newest matrix off: a person's session does, a token without one does not. Each red row is accepted
        by name, with a reason.

        POST /api/v1/signoffs
        """
        return self._data(models.Signoff, "POST", "/api/v1/signoffs", body=given)

    def list_decision_log(
        self,
        *,
        kind: Literal["gate", "schema", "settings", "policy", "signoff", "migration"] | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> Page[models.LoggedDecision]:
        """List every decision, newest first: gates, schema, settings, policies and sign-offs, with what came of them.

        GET /api/v1/decision-log
        """
        return self._answer(
            Page[models.LoggedDecision],
            "GET",
            "/api/v1/decision-log",
            query={"kind": kind, "page": page, "pageSize": page_size},
        )

    def alive(self) -> models.Alive:
        """Check that the process is running. Needs no token, database or Dagster.

        GET /healthz
        """
        return self._answer(models.Alive, "GET", "/healthz")

    def ready(self) -> models.Ready:
        """Check that calls can be served: the database, Dagster, the connections. Needs no token.

        GET /readyz
        """
        return self._answer(models.Ready, "GET", "/readyz")
