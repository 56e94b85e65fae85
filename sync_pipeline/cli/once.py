"""Options that are given twice or contradict each other are refused: the last would be taken, and nobody said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer


class OnceCommand(TyperCommand):
    """A command each of whose options is given once, but those that collect several values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = list(args)
        rest = super().parse_args(ctx, args)
        _, _, order = self.make_parser(ctx).parse_args(args=list(given))
        for one in dict.fromkeys(order):
            if one.param_type_name == "option" and order.count(one) > 1 and not one.multiple:
                self._refuse(ctx, one, given)
        return rest

    def _refuse(self, ctx: Any, option: Any, given: Sequence[str]) -> None:
        if option.is_flag:
            both = [one for one in (*option.opts, *option.secondary_opts) if one in given]
            if len(both) > 1 and option.secondary_opts:
                ctx.fail(f"{' and '.join(both)} contradict each other. Choose one.")
            return
        ctx.fail(f"{max(option.opts, key=len)} is given more than once, and takes one value.")


def options_once(app: typer.Typer) -> None:
    """Let the commands of an application, and of its groups, refuse options that are given twice."""
    for command in app.registered_commands:
        if command.cls is None or command.cls is TyperCommand:
            command.cls = OnceCommand
    for group in app.registered_groups:
        if group.typer_instance is not None:
            options_once(group.typer_instance)
