"""user: manage users, who log in with a password."""

from typing import Annotated

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import Json, Org, PersonRole
from sync_pipeline.cli.output import answer, emit, show
from sync_pipeline.cli.provider_options import from_environment

User = Annotated[int, typer.Argument(metavar="USER", help="The user's id, as `user list` shows it.")]
commands = typer.Typer(no_args_is_help=True, help="Manage users, who log in with a password.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="user")


@commands.command("add")
def add(
    org: Org,
    email: Annotated[str, typer.Argument(metavar="EMAIL")],
    role: Annotated[PersonRole, typer.Option("--role", help="What the user may do.")],
    password_env: Annotated[
        str, typer.Option("--password-env", metavar="VAR", help="The environment variable that holds the password.")
    ],
    as_json: Json = False,
) -> None:
    """Add a user. The password is read from an environment variable and stored as an argon2id hash."""
    from sync_pipeline.steps.connect import users

    password = from_environment(password_env, "password")
    with opened() as context:
        made = users.add_user(context.db, context.org(org), email, password, role, actor=context.actor)
    user = {"org": org, "user": made.user_id, "email": made.email, "role": made.role}
    answer(as_json, user, f"{made.email} can log in to {org} as {made.role}.")


@commands.command("list")
def list_all(org: Org, as_json: Json = False) -> None:
    """List the organization's users."""
    from sync_pipeline.steps.connect import users

    with opened() as context:
        found = users.users(context.db, context.org(org))
    if as_json:
        emit({"org": org, "users": found})
    else:
        show(["user", "e-mail", "role", "disabled"], [(u.user_id, u.email, u.role, u.disabled_at) for u in found])


@commands.command("change")
def change(
    org: Org,
    user_id: User,
    role: Annotated[PersonRole | None, typer.Option("--role", help="What the user may do from now on.")] = None,
    password_env: Annotated[
        str | None,
        typer.Option("--password-env", metavar="VAR", help="The environment variable that holds the new password."),
    ] = None,
    enable: Annotated[bool, typer.Option("--enable", help="Let a user who is disabled log in again.")] = False,
    as_json: Json = False,
) -> None:
    """Change a user's role or password, or enable them again. A new password ends their sessions."""
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.steps.connect import users

    if role is None and password_env is None and not enable:
        raise ConfigurationError("Say what to change: --role, --password-env or --enable.")
    password = None if password_env is None else from_environment(password_env, "password")
    with opened() as context:
        made = users.change_user(
            context.db, context.org(org), user_id, role=role, password=password,
            disabled=False if enable else None, actor=context.actor,
        )  # fmt: skip
    user = {"org": org, "user": made.user_id, "email": made.email, "role": made.role, "disabled_at": made.disabled_at}
    state = "is disabled" if made.disabled_at else f"can log in to {org} as {made.role}"
    answer(as_json, user, f"{made.email} is changed and {state}.")


@commands.command("disable")
def disable(org: Org, user_id: User, as_json: Json = False) -> None:
    """Disable a user and end their sessions."""
    from sync_pipeline.steps.connect import users

    with opened() as context:
        done = users.change_user(context.db, context.org(org), user_id, disabled=True, actor=context.actor)
    answer(as_json, {"org": org, "user": done.user_id, "disabled_at": done.disabled_at}, f"{done.email} is disabled.")
