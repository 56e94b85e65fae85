"""The errors of this package, as one tree, grouped by what to do next.

    SyncError
    ├── ConfigurationError           fix the settings, then run again
    │   └── NotFound                 no such organization, connection, entity, plan …
    ├── DatabaseUnavailable          start the database, then run again: what was committed is safe
    │   └── DiskFull                 free some space, then run again: what was committed is safe
    ├── SourceError                  the store
    │   ├── TransientSourceError     try again: the store was busy, slow or broken for a moment
    │   ├── SourceUnavailable        the store does not answer: try again later, nothing was lost
    │   ├── RefusedBySource          credentials, rights or address: ask the operator
    │   └── MalformedAnswer          the response is not as its API specifies: keep the bytes, quarantine
    ├── GateClosed                   a person must decide first
    │   └── NotApproved              a person must approve it first
    ├── Forbidden                    ask someone with the right role
    │   └── Unauthenticated          log in, or use a valid token
    ├── RateLimited                  slow down, then try again
    └── Conflict                     the data changed in the meantime
        ├── StalePlan                records changed since the plan was made: make a new plan
        └── Busy                     another run is working on it: wait for it

A class's docstring is its default message. No message ever holds a secret: urls go through `redact`.
"""

from collections.abc import Sequence

from sync_pipeline.redaction import redact, redact_bytes


class SyncError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(redact(message or (type(self).__doc__ or "").strip()))


class ConfigurationError(SyncError):
    """A setting is missing or wrong."""


class NotFound(ConfigurationError):
    """It does not exist. `what`, if it is told: what kind of thing, such as a plan."""

    def __init__(self, message: str, what: str = "") -> None:
        super().__init__(message)
        self.what = what


class DatabaseUnavailable(SyncError):
    """The database does not answer. Start it (`sync-pipeline db start`) and run the same command again."""


class DiskFull(DatabaseUnavailable):
    """The disk is full. What was committed is safe, nothing is half done. Free some space and run the command again."""


class SourceError(SyncError):
    """The store returned an error."""


class TransientSourceError(SourceError):
    """The store was busy or broken for a moment. Try again.

    `status` and `body` are those of the last response, if there was one; `retry_after` is in seconds.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        status: int | None = None,
        body: bytes = b"",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message or "The store was busy or broken for a moment. Try again.")
        self.status, self.retry_after = status, retry_after
        # It is kept in quarantine, which must not contain secrets.
        self.body = redact_bytes(body)


class SourceUnavailable(SourceError):
    """The store does not answer. Nothing was lost: run again when it does."""


class RefusedBySource(SourceError):
    """The store refused the credentials. Run `sync-pipeline doctor ORG`.

    `by_api`: its API says so, in its own form. A page of a proxy, of another server or of a server without this
    database has a status too, and says nothing about what the store has.
    """

    def __init__(
        self, message: str | None = None, *, status: int | None = None, code: str = "", by_api: bool = False
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.by_api = status, redact(code), by_api


class MalformedAnswer(TransientSourceError):
    """The store's response is not as its API specifies."""


class GateClosed(SyncError):
    """A person must decide first. Run `sync-pipeline decisions list`."""


class NotApproved(GateClosed):
    """It waits for a person's approval. Nothing was changed."""


class Forbidden(SyncError):
    """This token's role does not allow that."""


class Unauthenticated(Forbidden):
    """The call has no valid token. Send “Authorization: Bearer sp_…”."""


class TokenNotValid(Unauthenticated):
    """This token is not valid: it was revoked, has expired or is mistyped. An admin can make a new one."""


class RateLimited(SyncError):
    """Too many calls. `retry_after` is in seconds."""

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message or "Too many calls.")
        self.retry_after = retry_after


class Conflict(SyncError):
    """The data changed in the meantime."""


class StalePlan(Conflict):
    """Records changed since the plan was made. Nothing was changed. Make a new plan.

    `stale` lists {connection, entity, external_id, moved}; `moved` describes what changed.
    """

    def __init__(self, message: str, *, stale: Sequence[dict[str, str]], of: int) -> None:
        super().__init__(message)
        self.stale, self.of = list(stale), of


class Busy(Conflict):
    """Another run is working on this. Wait for it and run again."""
