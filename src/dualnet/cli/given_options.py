"""Refusal of options that were given and mean nothing for the command as it was called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_type_hints

import typer

from ..errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def refuse_given(context: typer.Context, names: Iterable[str], why: str) -> None:
    """Refuse options of a command that were given on the command line.

    Parameters
    ----------
    context : typer.Context
        Of the command.
    names : iterable of str
        Arguments of its function.
    why : str
        Follows the options, such as ``"means nothing without --protocol"``.

    Raises
    ------
    UsageError
        If one of them was given, even as its default.
    """
    flags = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    given = []
    for name in names:
        flag, source = flags[name], context.get_parameter_source(name)  # a name that the command has not is a fault of ours
        if source is not None and source.name == "COMMANDLINE":
            given.append(flag)
    _refuse(given, why)


def refuse_tables(tables: DataclassInstance, why: str) -> None:
    """Refuse options of tables that are not at their defaults; raises `UsageError` as `refuse_given`."""
    hints = get_type_hints(type(tables), include_extras=True)
    changed = [field.name for field in fields(tables) if getattr(tables, field.name) != field.default]
    _refuse([flag_of(hints[name].__metadata__[0]) for name in changed], why)


def flag_of(option: Any) -> str:
    """Return the flag of an option; Typer keeps the first one where an option without annotation has its default."""
    names = (option.default, *(option.param_decls or ()))
    return next(name for name in names if isinstance(name, str) and name.startswith("--"))


def _refuse(flags: list[str], why: str) -> None:
    if flags:
        verb = "mean" if len(flags) > 1 else "means"
        raise UsageError(f"{', '.join(flags)} {why.replace('means', verb, 1)}; leave {'them' if len(flags) > 1 else 'it'} out")


def refuse_unread_choices(context: typer.Context, models: Sequence[str], *, validated: bool) -> None:
    """Refuse run options (`arguments.RunChoices`) that none of the models reads.

    Parameters
    ----------
    context : typer.Context
        Of the command.
    models : sequence of str
        Names of the models that are fitted.
    validated : bool
        Whether there is a validation; without one only the device has a meaning.

    Raises
    ------
    UsageError
        If one was given.
    """
    from ..models.registry import model_class
    from ..train.options import CHOICES

    on_validation = [name for name in CHOICES if name != "device"]
    read = {name for model in models for name in model_class(model).options_read}
    named = f"model '{models[0]}'" if len(models) == 1 else f"models {', '.join(models)}"
    refuse_given(context, [name for name in CHOICES if name not in read], f"means nothing for {named}")
    if not validated:
        refuse_given(context, on_validation, "means nothing without a validation, which --protocol draws")
